"""Exceptions of other packages' SDKs, by what they carry. The shapes are those of the SDKs named;
only openai's and httpx's are installed where the tests run, the others are built like them."""

from __future__ import annotations

import http
import json
import sysconfig
import traceback
from pathlib import Path

import httpx
import pytest

from llmrouter_integrations import errors
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.sdk_errors import classify_exception, raise_classified

openai = pytest.importorskip("openai")

ENDPOINT = Endpoint("primary", "acme", "model-1", "", api_key="secret-key-1234")
REQUEST = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")


def named(error, **how):
    return classify_exception(error, ENDPOINT, **how)


def made(name, *bases, **attributes):
    """An exception of somebody else's class."""
    kind = type(name, bases or (Exception,), {})
    error = kind(attributes.pop("says", "it failed"))
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def openai_status(status, body, headers=None, kind=openai.APIStatusError):
    response = httpx.Response(status, json=body, headers=headers, request=REQUEST)
    return kind("Error code: ...", response=response, body=body.get("error", body))


CARRIED = [
    # what was raised, what it comes to, and what is told of it
    (
        openai_status(
            429,
            {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
            {"retry-after": "7", "x-request-id": "req-1"},
            openai.RateLimitError,
        ),
        errors.RateLimitedError,
        {"status": 429, "retry_after_s": 7.0, "request_id": "req-1"},
    ),
    (
        # an SDK's class that says less than its body: xAI and Gemini refuse a key by 400
        openai_status(
            400, {"error": {"message": "Incorrect API key provided"}}, kind=openai.BadRequestError
        ),
        errors.AuthenticationError,
        {"status": 400},
    ),
    (
        openai_status(
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 8192 tokens.",
                    "code": "context_length_exceeded",
                }
            },
            kind=openai.BadRequestError,
        ),
        errors.ContextOverflowError,
        {"code": "context_length_exceeded"},
    ),
    (
        openai_status(429, {"error": {"message": "pay", "code": "insufficient_quota"}}),
        errors.QuotaExhaustedError,
        {},
    ),
    (
        # an error event inside a stream: no status, only the event
        openai.APIError(
            "overloaded", REQUEST, body={"type": "overloaded_error", "message": "Overloaded"}
        ),
        errors.OverloadedError,
        {},
    ),
    (
        httpx.HTTPStatusError(
            "400", request=REQUEST, response=httpx.Response(503, text="busy", request=REQUEST)
        ),
        errors.OverloadedError,
        {"status": 503, "message": "busy"},
    ),
    (
        # botocore's ClientError
        made(
            "ThrottlingException",
            response={
                "Error": {"Code": "ThrottlingException", "Message": "Too many requests"},
                "ResponseMetadata": {
                    "HTTPStatusCode": 429,
                    "HTTPHeaders": {"x-amzn-requestid": "aws-1"},
                },
            },
        ),
        errors.RateLimitedError,
        {"status": 429, "request_id": "aws-1"},
    ),
    (
        # the same, raised by an event inside a stream
        made(
            "EventStreamError",
            response={"Error": {"Code": "modelStreamErrorException", "Message": "it broke"}},
        ),
        errors.ServerError,
        {},
    ),
    (
        # google-genai's APIError: code and the whole body
        made(
            "ClientError",
            code=400,
            details={"error": {"code": 400, "message": "API key not valid.", "status": "INVALID"}},
        ),
        errors.AuthenticationError,
        {"status": 400},
    ),
    (
        # google.api_core's: an HTTPStatus and words
        made("ResourceExhausted", code=http.HTTPStatus.TOO_MANY_REQUESTS, says="429 slow down"),
        errors.RateLimitedError,
        {"status": 429},
    ),
    (made("ResponseError", status_code=404, error="no model 'x'"), errors.ModelNotFoundError, {}),
    (made("ApiError", status_code=500, body="it broke"), errors.ServerError, {"status": 500}),
    (made("ClientResponseError", status=401), errors.AuthenticationError, {"status": 401}),
    (made("APIError", http_status=403), errors.PermissionDeniedError, {"status": 403}),
    # langchain-openai raises the error object of a 200 like this
    (
        ValueError({"message": "no capacity", "code": "overloaded_error"}),
        errors.OverloadedError,
        {"message": "no capacity"},
    ),
]


@pytest.mark.parametrize(("raised", "kind", "told"), CARRIED, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_is_carried_counts_however_deep(raised, kind, told, depth):
    error = raised
    for _ in range(depth):
        outer = RuntimeError("the call failed")
        outer.__cause__ = error
        error = outer
    found = named(error)
    assert type(found) is kind
    assert {name: getattr(found, name) for name in told} == told
    assert found.target == "primary"


SILENT = [
    (openai.APITimeoutError(REQUEST), errors.TargetTimeoutError),
    (openai.APIConnectionError(request=REQUEST), errors.TargetConnectionError),
    (httpx.ReadTimeout("slow"), errors.TargetTimeoutError),
    (httpx.ConnectTimeout("slow"), errors.TargetTimeoutError),
    (httpx.ConnectError("refused"), errors.TargetConnectionError),
    (httpx.RemoteProtocolError("cut"), errors.TargetConnectionError),
    (ConnectionResetError("reset"), errors.TargetConnectionError),
    (TimeoutError("slow"), errors.TargetTimeoutError),
    (made("EndpointConnectionError"), errors.TargetConnectionError),
    (made("ReadTimeoutError"), errors.TargetTimeoutError),
    (RuntimeError("Event loop is closed"), errors.TargetConnectionError),
    (made("NoCredentialsError"), errors.AuthenticationError),
    (made("ModelRateLimitError"), errors.RateLimitedError),
    (made("ModelAuthenticationError"), errors.AuthenticationError),
    (made("ModelNotFoundError"), errors.ModelNotFoundError),
    (made("ContextOverflowError"), errors.ContextOverflowError),
    (
        made("ModelInvalidRequestError", says="prompt is too long: 9 tokens > 8 maximum"),
        errors.ContextOverflowError,
    ),
    (NotImplementedError("no images"), errors.UnsupportedParameterError),
    (json.JSONDecodeError("Expecting value", "<html>", 0), errors.ProtocolViolationError),
    (KeyError("choices"), errors.ProtocolViolationError),
    (TypeError("Received response with null value for 'choices'."), errors.ProtocolViolationError),
    (made("SomethingNew"), errors.ServerError),
    (ValueError("who knows"), errors.ServerError),
]


@pytest.mark.parametrize(("raised", "kind"), SILENT, ids=lambda v: type(v).__name__)
def test_where_nobody_spoke_the_class_tells(raised, kind):
    assert type(named(raised)) is kind


@pytest.mark.parametrize(
    ("raised", "phase"),
    [
        (httpx.ConnectTimeout("slow"), "connect"),
        (httpx.PoolTimeout("slow"), "pool"),
        (httpx.ReadTimeout("slow"), "total"),
    ],
)
def test_a_timeout_says_which(raised, phase):
    assert named(raised).phase == phase


@pytest.mark.parametrize(
    "raised",
    [
        TypeError("create() got an unexpected keyword argument 'colour'"),
        TypeError("invoke() missing 1 required positional argument: 'input'"),
        NameError("name 'x' is not defined"),
        ImportError("no module"),
        AssertionError("never"),
        errors.ConfigurationError("wrong"),
        UserWarning("a warning made an error"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_the_programs_own_faults_are_not_the_targets(raised):
    assert named(raised) is None


SOME_SDK = str(Path(sysconfig.get_path("purelib"), "some_sdk", "client.py"))


def arisen(error, function="send", file=SOME_SDK):
    """The error, raised in a function and a file of these names."""
    names = {"error": error.with_traceback(None)}
    source = f"def {function}():\n    raise error\ndef _generate():\n    {function}()"
    exec(compile(source, file, "exec"), names)
    try:
        names["_generate"]()
    except type(error) as raised:
        return raised


WRITERS = [
    # the real names, of LangChain's integrations, LlamaIndex's and SDKs
    "_get_request_payload",
    "_convert_message_to_dict",
    "_format_messages",
    "_construct_responses_api_input",
    "_create_message_dicts",
    "_convert_message_to_mistral_chat_message",
    "_parse_chat_history",
    "_convert_to_parts",
    "_messages_to_bedrock",
    "_converse_params",
    "_convert_messages_to_ollama_messages",
    "to_openai_message_dicts",
    "to_openai_responses_message_dict",
    "messages_to_anthropic_messages",
    "blocks_to_anthropic_blocks",
    "chat_message_to_gemini",
    "prepare_chat_params",
    "to_mistral_chatmessage",
    "_convert_to_ollama_messages",
    "_transform_recursive",
    "encode_request",
    "_convert_to_request_dict",
]


@pytest.mark.parametrize("function", WRITERS)
@pytest.mark.parametrize(
    "error",
    [
        ValueError("a CachePoint is no content"),
        KeyError("mime_type"),
        AssertionError("no such role"),
        made("HTTPError", response=httpx.Response(404, request=REQUEST)),  # an image's address
        httpx.ConnectError("refused"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_written_is_the_requests_fault(function, error):
    found = named(arisen(error, function))
    assert type(found) is errors.UnsupportedParameterError
    assert not found.sent
    assert (found.cools, found.target) == ("nothing", "primary")
    outer = RuntimeError("the call failed")
    outer.__cause__ = error
    assert type(named(outer)) is errors.UnsupportedParameterError


READERS = [
    "_create_chat_result",
    "_convert_dict_to_message",
    "_convert_delta_to_message_chunk",
    "_convert_chunk_to_generation_chunk",
    "_construct_lc_result_from_responses_api",
    "_format_output",
    "_response_to_result",
    "_convert_mistral_chat_message_to_message",
    "from_openai_message_dicts",
    "chat_from_gemini_response",
    "_process_response",
]


@pytest.mark.parametrize("function", READERS)
def test_what_cannot_be_read_is_the_targets(function):
    assert type(named(arisen(KeyError("choices"), function))) is errors.ProtocolViolationError
    assert type(named(arisen(ValueError("odd"), function))) is errors.ServerError


def test_a_credential_that_is_missing_while_a_request_is_written():
    found = named(arisen(made("NoCredentialsError"), "_convert_to_request_dict"))
    assert type(found) is errors.AuthenticationError


def test_words_tell_where_no_name_does():
    found = named(ValueError("Unsupported content block type: CachePoint"))
    assert type(found) is errors.UnsupportedParameterError
    assert not found.sent


PACKAGES = [
    (TypeError("create() got an unexpected keyword argument 'seed'"), "seed"),
    (TypeError("create() missing 1 required positional argument: 'x'"), None),
]


@pytest.mark.parametrize(("raised", "parameter"), PACKAGES)
def test_an_argument_that_a_package_does_not_take_is_one_targets_matter(raised, parameter):
    found = named(arisen(raised))
    assert type(found) is errors.UnsupportedParameterError
    assert (found.parameter, found.sent) == (parameter, False)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (AssertionError("unexpected response"), errors.ProtocolViolationError),
        (ImportError("pip install aioboto3"), errors.MisconfiguredTargetError),
        (NameError("name 'x' is not defined"), errors.ServerError),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_packages_own_faults_are_its_targets(raised, kind):
    assert type(named(arisen(raised))) is kind
    assert named(arisen(raised, file="/home/me/my_model.py")) is None


@pytest.mark.parametrize("raised", [UserWarning("made an error"), errors.ConfigurationError("no")])
def test_what_the_program_asked_for_is_seen_wherever_it_arises(raised):
    assert named(arisen(raised, "_get_request_payload")) is None


def test_the_programs_own_faults_are_seen_also_where_it_writes_requests():
    error = arisen(NameError("x"), "messages_to_prompt", file="/home/me/my_model.py")
    assert named(error) is None


def test_our_own_errors_stay_what_they_are():
    inner = errors.RateLimitedError("slow down", retry_after_s=3)
    assert named(inner) is inner
    failed = errors.AllTargetsFailed(())
    assert type(named(failed)) is errors.ServerError


def test_what_the_caller_was_handling_is_no_part_of_it():
    theirs = made("ApiError", status_code=404)
    error = ValueError("something else")
    error.__context__ = theirs
    assert type(named(error)) is errors.ModelNotFoundError
    assert type(named(error, ignoring=theirs)) is errors.ServerError


def test_a_cause_that_was_hidden_stays_hidden():
    error = ValueError("something else")
    error.__context__ = httpx.ConnectError("refused")
    assert type(named(error)) is errors.TargetConnectionError
    error.__suppress_context__ = True  # raised "from None"
    assert type(named(error)) is errors.ServerError


def test_retriers_and_groups_are_looked_into():
    class Attempt:
        def exception(self):
            return made("ApiError", status_code=529)

    assert type(named(made("RetryError", last_attempt=Attempt()))) is errors.OverloadedError
    group = ExceptionGroup("several", [ValueError("no"), made("ApiError", status_code=401)])
    assert type(named(group)) is errors.AuthenticationError


def test_a_circle_of_causes_ends():
    error = ValueError("a")
    error.__cause__ = other = ValueError("b")
    other.__cause__ = error
    assert type(named(error)) is errors.ServerError


def test_a_stream_nobody_read_has_no_body_to_give():
    response = httpx.Response(500, stream=httpx.ByteStream(b"late"), request=REQUEST)
    error = httpx.HTTPStatusError("it broke", request=REQUEST, response=response)
    assert named(error).message == "it broke"


@pytest.mark.parametrize(
    "raised",
    [
        made("ApiError", status_code=401, body={"message": "bad key secret-key-1234"}),
        ValueError("could not use secret-key-1234"),
        TimeoutError("secret-key-1234 was slow"),
    ],
)
def test_a_key_is_kept_out(raised):
    assert "secret-key-1234" not in str(named(raised))


def told(error):
    """What is raised in the place of an error, and all that is shown of it."""

    def call():
        try:
            raise error
        except type(error) as raised:
            raise_classified(raised, ENDPOINT)

    with pytest.raises(Exception) as caught:
        call()
    return caught.value, "".join(traceback.format_exception(caught.value))


def test_what_led_to_an_error_is_shown_with_it():
    raised, shown = told(made("ApiError", status_code=500, says="it broke"))
    assert type(raised) is errors.ServerError
    assert "ApiError: it broke" in shown


@pytest.mark.parametrize("key", ["secret-key-1234", "sk-another0123456789"])
@pytest.mark.parametrize("depth", [0, 1])
def test_no_traceback_shows_a_key(key, depth):
    error = made("ApiError", status_code=401, says=f"Incorrect API key provided: {key}")
    if depth:
        outer = RuntimeError("the call failed")
        outer.__cause__ = error
        error = outer
    raised, shown = told(error)
    assert type(raised) is errors.AuthenticationError
    assert key not in shown
    assert raised.__cause__ is raised.__context__ is None


def test_what_is_no_targets_fault_is_raised_as_it_is():
    error = errors.RateLimitedError("slow")
    assert told(error)[0] is error
    error = NameError("x")
    assert told(error)[0] is error
