"""How long a provider asked us to wait."""

import time
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from llmrouter_integrations.errors import RateLimitedError
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.classify import classify
from llmrouter_integrations.wire.retry_after import duration_s

ENDPOINT = Endpoint("primary", "openai", "m", "http://127.0.0.1")
NOW = "Wed, 21 Oct 2026 07:28:00 GMT"


def wait(headers: dict[str, str], body: Any = None) -> float | None:
    raw = orjson.dumps(body or {"error": {"message": "Slow down"}})
    error = classify(HttpResponse(429, headers, raw), ENDPOINT)
    assert isinstance(error, RateLimitedError)
    return error.retry_after_s


HEADERS: dict[str, tuple[dict[str, str], float | None]] = {
    "none": ({}, None),
    "seconds": ({"retry-after": "20"}, 20),
    "fraction": ({"retry-after": " 1.5 "}, 1.5),
    "milliseconds go first": ({"retry-after": "2", "retry-after-ms": "1500"}, 1.5),
    "azure's empty milliseconds": ({"retry-after": "1", "retry-after-ms": "0"}, 1),
    "date": ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": NOW}, 30),
    "date that has passed": ({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT", "date": NOW}, 0),
    "nonsense": ({"retry-after": "soon"}, None),
    "negative": ({"retry-after": "-5"}, None),
    "not a number": ({"retry-after": "nan"}, None),
    "openai's reset": (
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"},
        360,
    ),
    "reset of what is left is no wait": (
        {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "6m0s"},
        None,
    ),
    "the longest of several": (
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "2s",
        },
        2,
    ),
    "anthropic's reset": (
        {
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2026-10-21T07:28:45Z",
            "date": NOW,
        },
        45,
    ),
    "a reset in unix milliseconds": (
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567690000", "date": NOW},
        10,
    ),
    "retry-after before resets": (
        {
            "retry-after": "1",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "9s",
        },
        1,
    ),
}


@pytest.mark.parametrize(("headers", "expected"), HEADERS.values(), ids=HEADERS)
def test_headers(headers: dict[str, str], expected: float | None) -> None:
    assert wait(headers) == expected


def test_without_a_date_header_our_own_clock_is_used() -> None:
    asked = wait({"retry-after": formatdate(time.time() + 100, usegmt=True)})
    assert asked is not None
    assert 95 < asked <= 101


BODIES: dict[str, tuple[Any, float | None]] = {
    "gemini": ({"error": {"message": "x", "details": [{"retryDelay": "48s"}]}}, 48),
    "gemini's words": ({"error": {"message": "Please retry in 48.939935699s."}}, 48.939935699),
    "groq's words": ({"error": {"message": "Please try again in 1m2.5s. Visit"}}, 62.5),
    "openai's words": ({"error": {"message": "Please try again in 120ms."}}, 0.12),
    "azure's words": ({"error": {"message": "Please retry after 2 seconds."}}, 2),
    "minutes": ({"error": {"message": "Try again in 3 minutes."}}, 180),
    "milliseconds": ({"error": {"message": "try again in 6 milliseconds"}}, 0.006),
    "openrouter": (
        {
            "error": {
                "message": "x",
                "metadata": {
                    "headers": {
                        "X-RateLimit-Remaining": "0",
                        "X-RateLimit-Reset": "1792567695000",
                    }
                },
            }
        },
        15,
    ),
    "no time": ({"error": {"message": "Please try again later"}}, None),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_words_of_the_body(body: Any, expected: float | None) -> None:
    assert wait({"date": NOW}, body) == pytest.approx(expected)


def test_headers_go_before_the_body() -> None:
    assert wait({"retry-after": "5"}, {"error": {"message": "Please try again in 9s"}}) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2ms", 0.002), ("0s", 0), ("1h2m3s", 3723), ("2d", 172800), ("", None), ("5", None), ("1x", None)],
)  # fmt: skip
def test_duration(text: str, expected: float | None) -> None:
    assert duration_s(text) == expected
