"""The request fields that each vendor takes; its own API refuses any other.

Sources: the parameter types of openai 3.54, anthropic 2.12 (and temperature, top_p and top_k, which
older Claude models take still), google-genai 2.34 and cohere 5.21, and botocore's description of
Converse. Speakers of OpenAI's protocol add fields of their own, so theirs are not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["unknown_field"]

_OPENAI_CHAT = """
audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens
messages metadata modalities model moderation n parallel_tool_calls prediction presence_penalty
prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format
safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools
top_logprobs top_p user verbosity web_search_options
"""
_OPENAI_RESPONSES = """
access_programs background background_options context_management conversation image include input
instructions max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls
previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning
safety_identifier service_tier store stream stream_options temperature text tool_choice tools
top_logprobs top_p truncation user
"""
_ANTHROPIC = """
anthropic_version cache_control container context_management inference_geo max_tokens mcp_servers
messages metadata model output_config output_format service_tier speed stop_sequences stream system
temperature thinking tool_choice tools top_k top_p
"""
_GEMINI = """
cachedContent contents generationConfig labels model modelArmorConfig safetySettings serviceTier
store systemInstruction toolConfig tools
"""
_COHERE = """
citation_options documents frequency_penalty k logprobs max_tokens messages model p presence_penalty
priority response_format safety_mode seed stop_sequences stream strict_tools temperature thinking
tool_choice tools
"""
_BEDROCK = """
additionalModelRequestFields additionalModelResponseFieldPaths guardrailConfig inferenceConfig
messages outputConfig performanceConfig promptVariables requestMetadata serviceTier system
toolConfig
"""

KNOWN: dict[tuple[str, str], frozenset[str]] = {
    ("openai", "openai-chat"): frozenset(_OPENAI_CHAT.split()),
    ("openai", "openai-responses"): frozenset(_OPENAI_RESPONSES.split()),
    ("anthropic", "anthropic"): frozenset(_ANTHROPIC.split()),
    ("gemini", "gemini"): frozenset(_GEMINI.split()),
    ("google", "gemini"): frozenset(_GEMINI.split()),
    ("vertex", "gemini"): frozenset(_GEMINI.split()),
    ("cohere", "cohere"): frozenset(_COHERE.split()),
    ("bedrock", "bedrock"): frozenset(_BEDROCK.split()),
}
"""The top-level request fields of a (provider, protocol)."""


def unknown_field(request: SimRequest) -> str | None:
    """Give the first field of a request that its vendor would refuse, or None."""
    known = KNOWN.get((request.provider, request.protocol))
    if known is None or known.issuperset(request.body):
        return None
    return next(name for name in request.body if name not in known)
