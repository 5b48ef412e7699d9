"""What each provider of OpenAI's Responses protocol takes, and what each of its models.

A :class:`Dialect` is a provider's form, :class:`ModelTerms` a model's. Read in November 2026 from
the API references of OpenAI, Azure, xAI, DeepSeek and OpenRouter, and from what the models were
recorded to accept; a source of another kind stands beside its row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from llmrouter_integrations.wire.registry import provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["Dialect", "ModelTerms", "dialect_of", "sealer_of", "terms_of"]

Efforts = tuple[str, ...]
LOW_TO_HIGH: Final[Efforts] = ("low", "medium", "high")
LOW_TO_XHIGH: Final[Efforts] = (*LOW_TO_HIGH, "xhigh")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider differs from OpenAI itself.

    Attributes:
        issuer: Whose tools it knows, and who, its resource apart, can read back reasoning, files
            and items of its answers; see :func:`sealer_of`.
        key_header: Where the key goes.
        path: What the address ends in; only what is missing of it is appended.
        reasoning: How reasoning is given back: encrypted, which must be asked for, or in words.
        developer: Whether the developer role is known; else its turns are system turns.
        media: Of "image", "audio", "file": what a user's message may hold.
        rich_results: Whether a tool's result may hold images and files.
        native_items: Whether its own items (searches, ...) may be given back.
        item_ids: Whether reasoning must bear an id when it is given back. Left out where it need
            not: OpenAI looks for the neighbours of an item that bears one.
        calls_last: Whether an assistant's turn must end with its tool calls.
        forced_call: Whether a tool call can be forced; "unless_reasoning": not while it reasons.
        user: What it calls the end user's id.
        service_tier: Whether OpenAI's words for it are understood.
        min_output: The least ``max_output_tokens`` it takes.
        terms: Of all models that reason or might, where it makes up for what differs among them.
    """

    issuer: str = "openai"
    key_header: Literal["authorization", "api-key"] = "authorization"
    path: str = "/responses"
    reasoning: Literal["encrypted", "words"] = "encrypted"
    developer: bool = True
    media: frozenset[str] = frozenset({"image", "file"})
    rich_results: bool = True
    native_items: bool = True
    item_ids: bool = False
    calls_last: bool = False
    forced_call: Literal["yes", "unless_reasoning"] = "yes"
    user: Literal["safety_identifier", "user"] = "user"
    service_tier: bool = False
    min_output: int = 1
    terms: ModelTerms | None = None


@dataclass(frozen=True, slots=True)
class ModelTerms:
    """What one family of models takes.

    Attributes:
        reasons: Whether it can reason at all.
        efforts: The efforts it takes; none: it takes no word on it.
        unsaid: Whether it reasons when nothing is said about it.
        encrypts: Whether it is known to give its reasoning in encrypted form where that is asked;
            models that do not reason answer 400 to the question.
        sampling: Whether temperature, top_p and log probabilities are taken: always, or only
            while it does not reason.
        parallel: Whether parallel tool calls may be switched off.
        schema: The strongest promise of form.
        phases: Whether its messages are commentary or final answers, and want to be told back so.
        cache_points: Whether the end of a reusable prefix may be marked.
    """

    reasons: bool = True
    efforts: Efforts = ()
    unsaid: bool = True
    encrypts: bool = True
    sampling: Literal["always", "unless_reasoning"] = "unless_reasoning"
    parallel: bool = True
    schema: Literal["json_schema", "json_object", "words"] = "json_schema"
    phases: bool = False
    cache_points: bool = False


UNKNOWN: Final = ModelTerms(efforts=LOW_TO_XHIGH, encrypts=False, sampling="always")
"""Of a model of no known family: it is sent what was asked, unless its abilities say otherwise."""

_PLAIN: Final = ModelTerms(reasons=False, unsaid=False, encrypts=False, sampling="always")
_JSON_ONLY: Final = replace(_PLAIN, schema="json_object")
_O: Final = ModelTerms(efforts=LOW_TO_HIGH, parallel=False)
_GPT_5: Final = ModelTerms(efforts=("minimal", *LOW_TO_HIGH))
_GPT_51: Final = ModelTerms(efforts=("none", *LOW_TO_HIGH), unsaid=False)
_GPT_52: Final = replace(_GPT_51, efforts=("none", *LOW_TO_XHIGH))
_GPT_54: Final = replace(_GPT_52, phases=True)
_GPT_55: Final = replace(_GPT_54, unsaid=True)
_GPT_56: Final = replace(_GPT_55, efforts=("none", *LOW_TO_XHIGH, "max"), cache_points=True)
_GPT_6: Final = replace(_GPT_56, efforts=(*LOW_TO_XHIGH, "max"))
_GROK: Final = ModelTerms(sampling="always")

# Efforts: the table in https://community.openai.com/t/1371738 and pydantic-ai's, which its
# maintainers verified against the live API in July 2026; gpt-6: litellm-docs pull request 1173.
_MODELS: Final[tuple[tuple[str, ModelTerms], ...]] = (
    (r"^gpt-(6|[7-9]|\d\d)", _GPT_6),
    (r"^gpt-5\.6", _GPT_56),
    (r"^gpt-5\.5-pro", replace(_GPT_55, efforts=("medium", "high", "xhigh"))),
    (r"^gpt-5\.[5-9]", _GPT_55),
    (r"^gpt-5\.4-pro", replace(_GPT_55, efforts=("medium", "high", "xhigh"))),
    (r"^gpt-5\.4|^gpt-5\.3-codex", _GPT_54),
    (r"^gpt-5\.2-pro", replace(_GPT_52, efforts=("medium", "high", "xhigh"), unsaid=True)),
    (r"^gpt-5\.\d-chat", ModelTerms(efforts=("medium",))),
    (r"^gpt-5\.[23]", _GPT_52),
    (r"^gpt-5\.1-codex-max", ModelTerms(efforts=LOW_TO_XHIGH)),
    (r"^gpt-5\.1-codex", ModelTerms(efforts=LOW_TO_HIGH)),
    (r"^gpt-5\.1", _GPT_51),
    (r"^gpt-5-chat", _PLAIN),
    (r"^gpt-5-pro", ModelTerms(efforts=("high",))),
    (r"^gpt-5-codex|^codex", ModelTerms(efforts=LOW_TO_HIGH)),
    (r"^gpt-5", _GPT_5),
    (r"^o\d.*deep-research", ModelTerms(efforts=("medium",))),
    (r"^o\d", _O),
    (r"^gpt-(3\.5|35)|^gpt-4-(turbo|1106|0125)|^gpt-4o-2024-05", _JSON_ONLY),
    (r"^gpt-4(-0613|-0314|-32k)?$", replace(_PLAIN, schema="words")),
    (r"^(chat)?gpt-4", _PLAIN),
    (r"^gpt-oss", replace(UNKNOWN, efforts=LOW_TO_HIGH)),
    (r"^grok-.*non-reasoning", _PLAIN),
    (r"^grok-3-mini", replace(_GROK, efforts=("low", "high"))),
    (r"^grok-4\.20-multi-agent", replace(_GROK, efforts=LOW_TO_XHIGH)),
    (r"^grok-4\.3", replace(_GROK, efforts=("none", *LOW_TO_HIGH))),
    (r"^grok-(4($|-)|4\.20|code|3|2)", _GROK),
    (r"^grok", replace(_GROK, efforts=LOW_TO_HIGH)),
    (r"^deepseek-v", replace(_GROK, efforts=("none", "low", "high", "max"))),
)  # fmt: skip
"""What to search for in a model's name, and its terms. The first line that fits counts."""

_OPENAI: Final = Dialect(user="safety_identifier", service_tier=True, min_output=16)
_OTHER: Final = Dialect(
    reasoning="words",
    developer=False,
    rich_results=False,
    native_items=False,
    item_ids=True,
)
"""Any server that speaks the protocol (vLLM, LM Studio, Ollama, ...)."""

_DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": _OPENAI,
    "azure": replace(_OPENAI, key_header="api-key", path="/openai/v1/responses", user="user"),
    "xai": Dialect(media=frozenset({"image"}), rich_results=False),
    "deepseek": Dialect(
        reasoning="words",
        developer=False,
        item_ids=True,
        media=frozenset(),
        rich_results=False,
        calls_last=True,
        forced_call="unless_reasoning",
    ),
    # https://openrouter.ai/docs/api/reference/responses: folds efforts to the model's own
    "openrouter": Dialect(
        item_ids=True,
        service_tier=True,
        terms=replace(UNKNOWN, efforts=("none", "minimal", *LOW_TO_XHIGH), encrypts=True),
    ),
}


@lru_cache(maxsize=256)
def dialect_of(provider_id: str) -> Dialect:
    """Give the form of a provider, by its id, an alias, or any name for another server."""
    known = provider(provider_id)
    name = known.id if known else provider_id
    dialect = _DIALECTS.get(name, _OTHER)
    return replace(dialect, issuer=known.issuer if known else name)


def sealer_of(endpoint: Endpoint) -> str:
    """Name who can read back reasoning, files and items of a target's answers.

    On Azure that is one resource: reasoning encrypted in one region cannot be read in another, nor
    by OpenAI itself (https://github.com/BerriAI/litellm/pull/27702).
    """
    issuer = dialect_of(endpoint.provider).issuer
    return _resource(endpoint.base_url, issuer) if endpoint.provider == "azure" else issuer


@lru_cache(maxsize=256)
def _resource(base_url: str, issuer: str) -> str:
    return f"{issuer}@{urlsplit(base_url).hostname or base_url}"


@lru_cache(maxsize=1024)
def _named_terms(model: str) -> ModelTerms | None:
    name = model.rpartition("/")[2].lower()
    return next((terms for pattern, terms in _MODELS if re.search(pattern, name)), None)


def terms_of(endpoint: Endpoint) -> ModelTerms:
    """Give the terms of a target's model: by its name, or else by what is known of its abilities.

    An Azure deployment may bear any name.
    """
    general = dialect_of(endpoint.provider).terms
    named = _named_terms(endpoint.model)
    if named is not None and (general is None or not named.reasons):
        return named
    return _able(general or UNKNOWN, endpoint)


def _able(terms: ModelTerms, endpoint: Endpoint) -> ModelTerms:
    able = endpoint.abilities
    if able is None:
        return terms
    if able.reasoning is not None:
        terms = replace(
            terms,
            reasons=able.reasoning,
            unsaid=able.reasoning and terms.unsaid,
            encrypts=able.reasoning,
        )
    if able.reasoning_efforts:
        terms = replace(terms, efforts=able.reasoning_efforts)
    if able.temperature is False:
        terms = replace(terms, sampling="unless_reasoning")
    if able.structured_output is False:
        terms = replace(terms, schema="words")
    return terms
