"""Errors by what vendors say: every row of the table, and every form of body."""

import json
import re
from importlib import resources
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations import errors
from llmrouter_integrations.errors import (
    AttemptError,
    AuthenticationError,
    ContextOverflowError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitedError,
    ServerError,
    TargetConnectionError,
    UnsupportedParameterError,
)
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.wire import classify as module
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.error_body import read_body

ENDPOINT = Endpoint("primary", "openai", "m", "http://127.0.0.1", api_key="the-very-secret-key")
LINES = [
    orjson.loads(line)
    for line in resources.files("llmrouter_integrations.wire")
    .joinpath("error_rows.jsonl")
    .read_bytes()
    .splitlines()
]


def answer(status: int, body: Any, **headers: str) -> HttpResponse:
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


@pytest.mark.parametrize("place", range(len(LINES)), ids=[line["means"] for line in LINES])
def test_every_row_fits_its_example_and_none_before_it_does(place: int) -> None:
    line = LINES[place]
    http = answer(line["status"], line["body"])
    said = read_body(http)
    fitting = [
        at
        for at, row in enumerate(module._rows())
        if row.fits(line["status"], said, said.searchable)
    ]
    assert fitting[0] == place, f"stolen by {LINES[fitting[0]]}"
    error = classify(http, ENDPOINT)
    assert type(error) is getattr(errors, line["means"])
    assert error.status == line["status"]
    assert error.message
    assert line["source"]


def test_every_row_says_something_of_its_own() -> None:
    keys = [
        (line.get("code"), *line.get("says", ()), *map(str, line.get("only", ()))) for line in LINES
    ]
    assert len(set(keys)) == len(keys)
    assert all(line.get("code") or line.get("says") for line in LINES)
    assert all(piece == piece.lower() for line in LINES for piece in line.get("says", ()))


STATUSES: dict[int, type[AttemptError]] = {
    301: ModelNotFoundError,
    400: InvalidRequestError,
    401: AuthenticationError,
    402: QuotaExhaustedError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    405: ModelNotFoundError,
    407: TargetConnectionError,
    408: ServerError,
    409: ServerError,
    410: ModelNotFoundError,
    413: ContextOverflowError,
    415: InvalidRequestError,
    418: InvalidRequestError,
    422: InvalidRequestError,
    425: ServerError,
    429: RateLimitedError,
    451: PermissionDeniedError,
    498: OverloadedError,
    500: ServerError,
    502: ServerError,
    503: OverloadedError,
    504: ServerError,
    524: ServerError,
    529: OverloadedError,
}


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", "?", "<html></html>", '{"error": null}'])
@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_a_body_that_says_nothing_leaves_the_status(
    status: int, expected: type[AttemptError], body: str
) -> None:
    error = classify(answer(status, body), ENDPOINT)
    assert type(error) is expected
    assert str(status) in str(error)


FORMS: dict[str, tuple[Any, str, str | None]] = {
    "openai": ({"error": {"message": "Oh", "code": "bad", "type": "t"}}, "Oh", "bad"),
    "type only": ({"error": {"message": "Oh", "code": None, "type": "t_error"}}, "Oh", "t_error"),
    "numeric code": ({"error": {"message": "Oh", "code": 3051}}, "Oh", "3051"),
    "status as code": ({"error": {"message": "Oh", "code": 400}}, "Oh", None),
    "string": ({"error": "Oh"}, "Oh", None),
    "xai": ({"code": "invalid-argument", "error": "Oh"}, "Oh", "invalid-argument"),
    "gemini": ({"error": {"code": 400, "message": "Oh", "status": "X_Y"}}, "Oh", "X_Y"),
    "gemini list": ([{"error": {"message": "Oh", "status": "X_Y"}}], "Oh", "X_Y"),
    "cohere": ({"id": "1", "message": "Oh"}, "Oh", None),
    "mistral": ({"object": "error", "message": "Oh", "type": "t", "code": "1"}, "Oh", "1"),
    "mistral detail": ({"detail": "Oh"}, "Oh", None),
    "aws": ({"__type": "com.amazon.x#OhException", "Message": "Oh"}, "Oh", "OhException"),
    "fastapi": (
        {"detail": [{"loc": ["body", "top_p"], "msg": "too big", "type": "le"}]},
        "top_p: too big",
        "le",
    ),
    "mistral fastapi": (
        {"message": {"detail": [{"loc": ["body", "x"], "msg": "Oh"}]}},
        "x: Oh",
        None,
    ),
    "cloudflare": ({"errors": [{"message": "Oh", "code": 7003}]}, "Oh", "7003"),
    "problem": ({"title": "Oh", "status": 400}, "Oh", None),
    "unknown form": ({"reason": "Oh"}, '{"reason": "Oh"}', None),
    "text": ("upstream connect error", "upstream connect error", None),
    "html": ("<html><head><title>502 Bad\n Gateway</title></head>x", "502 Bad\n Gateway", None),
    "html without title": ("<p>Down &amp; out</p><script>x()</script>", "Down & out", None),
}


@pytest.mark.parametrize(("body", "message", "code"), FORMS.values(), ids=FORMS)
def test_forms_of_body(body: Any, message: str, code: str | None) -> None:
    error = classify(answer(418, body), ENDPOINT)
    assert " ".join(error.message.split()) == " ".join(message.split())
    assert error.code == code


@pytest.mark.parametrize("body", ["", "418", "null"])
def test_a_status_by_itself_is_told_as_one(body: str) -> None:
    assert classify(answer(418, body), ENDPOINT).message == "HTTP 418 without a word"


def test_the_error_type_of_a_header_counts() -> None:
    kind = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    error = classify(answer(400, {"message": "Slow"}, **{"x-amzn-errortype": kind}), ENDPOINT)
    assert type(error) is RateLimitedError
    assert error.code == "ThrottlingException"


def test_what_a_gateway_passes_on_counts() -> None:
    raw = json.dumps({"type": "error", "error": {"message": "prompt is too long: 9 > 8"}})
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    error = classify(answer(400, body), ENDPOINT)
    assert type(error) is ContextOverflowError
    assert error.message == "Provider returned error"


PARAMETERS = {
    "Unsupported parameter: 'stop' is not supported with this model.": "stop",
    "Unsupported value: 'temperature' does not support 0.2 with this model.": "temperature",
    "Unrecognized request argument supplied: seed": "seed",
    "Argument not supported on this model: presencePenalty": "presencePenalty",
    "thinking.x: Extra inputs are not permitted": "thinking.x",
    "max_tokens: 9 > 8, which is the maximum allowed number of output tokens": "max_tokens",
    "`temperature` is deprecated for this model.": "temperature",
    "This model does not support effort level 'xhigh'.": "effort",
    "property 'reasoning_effort' is unsupported": "reasoning_effort",
    "Images are not supported.": None,
}


@pytest.mark.parametrize(("message", "parameter"), PARAMETERS.items())
def test_the_parameter_is_named(message: str, parameter: str | None) -> None:
    error = classify(answer(400, {"error": {"message": message}}), ENDPOINT)
    assert isinstance(error, UnsupportedParameterError)
    assert error.parameter == parameter


def test_the_vendors_own_word_for_the_parameter_goes_first() -> None:
    body = {"error": {"message": "'x' is not supported", "param": "reasoning.effort"}}
    error = classify(answer(400, body), ENDPOINT)
    assert isinstance(error, UnsupportedParameterError)
    assert error.parameter == "reasoning.effort"


IDS = {
    "x-request-id": "a",
    "request-id": "b",
    "x-amzn-requestid": "c",
    "apim-request-id": "d",
    "cf-ray": "e",
}


@pytest.mark.parametrize(("header", "value"), IDS.items())
def test_request_ids(header: str, value: str) -> None:
    assert classify(answer(500, "", **{header: value}), ENDPOINT).request_id == value


def test_a_request_id_in_the_body() -> None:
    body = {"error": {"message": "Oh"}, "request_id": "req_1"}
    assert classify(answer(500, body), ENDPOINT).request_id == "req_1"


# --- payloads: an error in a 2xx body or in a stream ---------------------------------------


PAYLOADS: dict[str, tuple[Any, type[AttemptError], int | None]] = {
    "anthropic": ({"type": "overloaded_error", "message": "Overloaded"}, OverloadedError, None),
    "whole event": (
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Oh"}},
        RateLimitedError,
        None,
    ),
    "openai event": (
        {"type": "error", "code": "context_length_exceeded", "message": "Oh"},
        ContextOverflowError,
        None,
    ),
    "openrouter": ({"code": 502, "message": "Upstream idle"}, ServerError, 502),
    "openrouter overflow": ({"code": 400, "message": "Oh"}, InvalidRequestError, 400),
    "groq": (
        {"message": "Oh", "code": "tool_use_failed", "status_code": 400},
        errors.MalformedToolCallError,
        400,
    ),
    "bare": ("Something went wrong", ServerError, None),
    "bare, telling": ("prompt is too long", ContextOverflowError, None),
    "empty": ({}, ServerError, None),
}


@pytest.mark.parametrize(("payload", "expected", "status"), PAYLOADS.values(), ids=PAYLOADS)
def test_payloads(payload: Any, expected: type[AttemptError], status: int | None) -> None:
    error = classify_payload(payload, ENDPOINT)
    assert type(error) is expected
    assert error.status == status
    assert error.target == "primary"


def test_the_protocols_own_status_counts() -> None:
    assert type(classify_payload("Oh", ENDPOINT, status=429)) is RateLimitedError


# --- never a key ---------------------------------------------------------------------------


SECRETS = [
    "the-very-secret-key",
    "sk-proj-abcdefghijklmnop",
    "sk-ant-api03-abc_DEF-123456",
    "gsk_abcdefghijklmnop123",
    "xai-abcdefghijklmnop",
    "pplx-abcdefghijklmnop",
    "AIzaSyA-abcdefghijklmnop",
    "ya29.a0AbCdEf",
    "AKIAIOSFODNN7EXAMPLE",
    "hf_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "sk-ab****cdef",
    "bad-key-**********test",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "words", ["Incorrect API key provided: {}.", "invalid token {} (401)", "Bearer {}"]
)
def test_keys_are_scrubbed(words: str, secret: str) -> None:
    body = {"error": {"message": words.format(secret), "code": secret}}
    error = classify(answer(401, body), ENDPOINT)
    assert secret not in str(error)
    assert secret not in repr(error)
    assert "[redacted]" in error.message


def test_ordinary_words_stay() -> None:
    message = (
        "Missing required parameter: 'messages[1].content[0].type'. The key=value pair is wrong, "
        "the model gpt-5-nano-2026-01-01 and request req_011CeCGmBjaWkq37Sf5iU7so are not."
    )
    assert classify(answer(400, {"error": {"message": message}}), ENDPOINT).message == message


def test_messages_are_bounded() -> None:
    error = classify(answer(400, {"error": {"message": "x" * 100_000}}), ENDPOINT)
    assert len(error.message) == 500
    assert len(classify(answer(400, "y" * 1_000_000), ENDPOINT).message) == 500


KEYS = re.findall(
    r"\w+",
    "error message code type status details detail errors metadata param __type raw headers reason "
    "loc msg violations retryDelay innererror request_id",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(body=JSON, status=st.sampled_from([200, 302, 400, 401, 404, 429, 500, 599]))
def test_no_body_breaks_it(body: Any, status: int) -> None:
    raw = json.dumps(body).encode()
    error = classify(HttpResponse(status, {}, raw), ENDPOINT)
    assert isinstance(error, AttemptError)
    assert error.message
    if isinstance(body, dict | str):
        assert isinstance(classify_payload(body, ENDPOINT), AttemptError)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60))
def test_no_bytes_break_it(body: bytes) -> None:
    assert classify(HttpResponse(500, {}, body), ENDPOINT).message
