"""The tables of dialects hold together."""

import re
from dataclasses import fields

import pytest

from llmrouter_integrations.messages import Request
from llmrouter_integrations.wire import dialects
from llmrouter_integrations.wire.dialects import Dialect, dialect_of
from llmrouter_integrations.wire.effort import EFFORTS
from llmrouter_integrations.wire.registry import PROVIDERS

ROWS = [*dialects._DIALECTS.values(), *(changes for _, _, changes in dialects._MODELS)]


def test_every_provider_of_this_protocol_has_a_row():
    speak = {name for name, info in PROVIDERS.items() if info.protocol == "openai-chat"}
    assert speak <= set(dialects._DIALECTS)


def test_model_rows_change_what_there_is_at_providers_there_are():
    known = {f.name for f in fields(Dialect)}
    for provider, pattern, changes in dialects._MODELS:
        assert provider in dialects._DIALECTS
        assert set(changes) <= known
        assert re.compile(pattern)


def test_what_is_dropped_is_a_field_of_a_request():
    asked = {f.name for f in fields(Request)}
    for row in ROWS:
        told = row if isinstance(row, dict) else {f.name: getattr(row, f.name) for f in fields(row)}
        for key in ("drops", "reasoning_drops", "renames"):
            assert set(told.get(key, ())) <= asked
        assert set(told.get("efforts", ())) <= set(EFFORTS)


@pytest.mark.parametrize(
    ("provider", "model", "issuer"),
    [
        ("openai", "gpt-4o", "openai"),
        ("azure", "gpt-4o", "openai"),
        ("azure-openai", "gpt-4o", "openai"),
        ("mistral", "m", "mistral"),
        ("gemini", "m", "gemini"),
        ("my-vllm", "m", "my-vllm"),
    ],
)
def test_issuers(provider, model, issuer):
    assert dialect_of(provider, model).issuer == issuer


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("gpt-3.5-turbo", False),
        ("gpt-4o", False),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("chatgpt-4o-latest", False),
        ("gpt-5-chat-latest", False),
        ("gpt-5.2-chat-latest", False),
        ("gpt-35-turbo", False),
        ("gpt-oss-120b", False),
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5-nano-2025-08-07", True),
        ("gpt-5.1", True),
        ("gpt-5.4-mini", True),
        ("gpt-5.6-sol", True),
        ("gpt-6.1-terra", True),
        ("ft:gpt-4o:acme::1", False),
    ],
)
def test_which_of_openais_models_reason(model, reasons):
    for provider in ("openai", "azure"):
        assert bool(dialect_of(provider, model).efforts) is reasons
        assert ("temperature" in dialect_of(provider, model).reasoning_drops) is reasons


def test_a_models_row_adds_to_what_its_provider_drops():
    assert dialect_of("azure", "o3").drops >= {"service_tier", "stop", "parallel_tool_calls"}


def test_tools_of_the_newer_models_are_taken_without_reasoning_only():
    assert [m for m in ("gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5.5", "gpt-6") if not dialect_of("openai", m).effort_with_tools] == ["gpt-5.2", "gpt-5.5", "gpt-6"]  # fmt: skip
