"""Recorded requests, sent to the simulator: it understands what real clients really send."""

from __future__ import annotations

import os
import re
from pathlib import Path

import orjson
import pytest
import yaml

WIRE = Path(os.environ.get("LLMROUTER_WIRE") or Path(__file__).parents[3] / "shared" / "wire")
PROVIDERS = {
    "api.openai.com": "openai",
    "azure.com": "azure",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "deepseek.com": "deepseek",
    "x.ai": "xai",
    "cerebras.ai": "cerebras",
    "perplexity.ai": "perplexity",
    "openrouter.ai": "openrouter",
    "ollama.com": "ollama",
    "aiplatform.googleapis.com": "vertex",
    "generativelanguage": "gemini",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "bedrock": "bedrock",
}
SERVED = re.compile(
    r"(/chat/completions|/responses|/v1/messages|enerateContent|/v2/chat|/converse)$"
)


def recorded():
    """(provider, path, body, whether the answer was streamed) of each good interaction."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(WIRE.glob("*/*.yaml")):
        for interaction in yaml.load(file.read_bytes(), Loader=loader)["interactions"]:  # noqa: S506  (a safe loader)
            request, response = interaction["request"], interaction["response"]
            uri, body = request["uri"], request["body"]
            if response["status"]["code"] == 200 and body and SERVED.search(uri.split("?")[0]):
                provider = next((n for host, n in PROVIDERS.items() if host in uri), "other")
                text = response["body"]["string"]
                streamed = "data:" in (text.decode() if isinstance(text, bytes) else text)[:300]
                path = re.sub(r"^https?://[^/]+", "", uri)
                yield file.name, provider, path, orjson.loads(body), streamed


def test_every_recorded_request_is_understood(asker):
    if not WIRE.is_dir():
        pytest.skip(f"no recordings: {WIRE} is absent (set LLMROUTER_WIRE)")
    root = asker.sim.url("x").rpartition("/x/")[0]
    count = 0
    for name, provider, path, body, streamed in recorded():
        answer = asker.client.post(f"{root}/{provider}{path}", json=body)
        assert answer.status_code == 200, (name, answer.text)
        understood = asker.sim.requests[-1]
        assert understood.stream == streamed, name
        assert {role for role, _ in understood.messages} <= {"system", "user", "assistant", "tool"}
        assert any(role == "user" for role, _ in understood.messages), name
        assert understood.model, name
        offered = body.get("tools") or (body.get("toolConfig") or {}).get("tools")
        if understood.protocol != "openai-responses":  # which has tools of its own, not only ours
            assert bool(offered) == bool(understood.tools), name
        count += 1
    assert count > 200
