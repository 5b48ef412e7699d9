"""How long a provider keeps what it cached of a request."""

from __future__ import annotations

import pytest

from llmrouter_integrations.catalog.names import PROVIDERS
from llmrouter_integrations.messages import CachePoint, Message, NativeTool, Request, TextPart, Tool
from llmrouter_integrations.routing.prompt_caches import (
    PROMPT_CACHES,
    cache_lifetime_s,
    last_cache_point,
    marks_cache,
)

SHORT, LONG = CachePoint(), CachePoint("1h")


def asking(*marks, **fields):
    """A request of one message for each mark, which stands at its end; None: no mark."""
    text = (TextPart("x"),)
    messages = [Message("user", text if mark is None else (*text, mark)) for mark in marks]
    return Request(tuple(messages), **fields)


def test_every_provider_of_the_table_is_one_that_is_known():
    assert set(PROMPT_CACHES) <= PROVIDERS


@pytest.mark.parametrize(
    ("provider", "request_", "lifetime_s"),
    [
        ("anthropic", asking(None), 300),
        ("anthropic", asking(SHORT), 300),
        ("anthropic", asking(CachePoint("5m")), 300),
        ("anthropic", asking(LONG), 3600),
        ("anthropic", asking(LONG, None), 3600),
        # the long-lived one is of the beginning alone
        ("anthropic", asking(LONG, SHORT, None), 300),
        ("bedrock", asking(LONG), 3600),
        ("mistral", asking(LONG), 300),
        ("openai", asking(LONG), 1800),
        ("openai", asking(None, extra={"openai": {"prompt_cache_retention": "24h"}}), 86_400),
        ("azure", asking(None, extra={"openai": {"prompt_cache_retention": "24h"}}), 86_400),
        ("openai", asking(None, extra={"openai": {"prompt_cache_retention": ["odd"]}}), 1800),
        ("openai", asking(None, extra={"openai": {"store": True}}), 1800),
        ("groq", asking(None, extra={"openai": {"prompt_cache_retention": "24h"}}), 7200),
        ("deepseek", asking(None), 7200),
    ],
)
def test_as_long_as_the_vendor_says_or_the_request_asked_for(provider, request_, lifetime_s):
    assert cache_lifetime_s(PROMPT_CACHES[provider], request_) == lifetime_s


@pytest.mark.parametrize(
    ("request_", "point", "marked"),
    [
        (asking(None), None, False),
        (asking(SHORT, LONG, None), LONG, True),
        (asking(None, tools=(Tool("f", cache=True),)), None, True),
        (asking(None, tools=(Tool("f"), NativeTool("anthropic", {}))), None, False),
    ],
)
def test_what_a_request_marks(request_, point, marked):
    assert last_cache_point(request_) is point
    assert marks_cache(request_) == marked
