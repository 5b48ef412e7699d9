"""Which error an exception of somebody's SDK comes to: by what it carries, hardly by its class.

Model objects of other packages raise their SDKs' exceptions, wrapped in their own. What the vendor
said is in there all the same: a status, headers and a body, under a dozen names. They are dug out
of the whole chain of causes and go through the one table of :mod:`.classify`. Where the vendor said
nothing (a timeout, a broken connection), the names of the classes tell, since no package can be
imported to ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from llmrouter_integrations import errors
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.scrub import holds_key, scrub
from llmrouter_integrations.wire.sdk_frames import is_the_programs_own, while_writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmrouter_integrations.errors import AttemptError, TimeoutPhase
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["classify_exception", "raise_classified"]

_MOST_LINKS: Final = 12

_WAITED: Final[Mapping[str, TimeoutPhase]] = {
    "ConnectTimeout": "connect",
    "ConnectTimeoutError": "connect",
    "ConnectionTimeoutError": "connect",
    "PoolTimeout": "pool",
    "WriteTimeout": "write",
    "APITimeoutError": "total",
    "DeadlineExceeded": "total",
    "ModelTimeoutError": "total",
    "ReadTimeout": "total",
    "ReadTimeoutError": "total",
    "ServerTimeoutError": "total",
    "Timeout": "total",
    "TimeoutError": "total",
    "TimeoutException": "total",
}
_TRANSPORT: Final = frozenset(
    {
        "APIConnectionError",
        "ChunkedEncodingError",
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectError",
        "ConnectionClosedError",
        "ConnectionError",
        "EndpointConnectionError",
        "HTTPClientError",
        "IncompleteRead",
        "IncompleteReadError",
        "ModelConnectionError",
        "NetworkError",
        "ProtocolError",
        "ProxyError",
        "SSLError",
        "ServerDisconnectedError",
        "TransportError",
        "gaierror",
    }
)
_CREDENTIALS: Final = frozenset(
    {
        "CredentialRetrievalError",
        "DefaultCredentialsError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "RefreshError",
    }
)
"""Raised where credentials are missing or cannot be renewed."""

_KINDS: Final[Mapping[str, type[AttemptError]]] = {
    # langchain-core's tree, for integrations that keep nothing of the vendor's answer
    "ContextOverflowError": errors.ContextOverflowError,
    "ModelAPIError": errors.ServerError,
    "ModelAuthenticationError": errors.AuthenticationError,
    "ModelInvalidRequestError": errors.InvalidRequestError,
    "ModelNotFoundError": errors.ModelNotFoundError,
    "ModelPermissionDeniedError": errors.PermissionDeniedError,
    "ModelRateLimitError": errors.RateLimitedError,
    **dict.fromkeys(_CREDENTIALS, errors.AuthenticationError),
    # the object can do no such thing; another may
    "NotImplementedError": errors.UnsupportedParameterError,
    "PydanticSerializationError": errors.UnsupportedParameterError,
    # a package of its own that it misses
    "ImportError": errors.MisconfiguredTargetError,
    # an answer that its reader did not expect
    "APIResponseValidationError": errors.ProtocolViolationError,
    "AssertionError": errors.ProtocolViolationError,
    "AttributeError": errors.ProtocolViolationError,
    "JSONDecodeError": errors.ProtocolViolationError,
    "LookupError": errors.ProtocolViolationError,
    "TypeError": errors.ProtocolViolationError,
    "UnicodeDecodeError": errors.ProtocolViolationError,
    "ValidationError": errors.ProtocolViolationError,
}
_DEAD_LOOP: Final = "event loop is closed"
"""What a pooled connection of an earlier event loop comes to: a new one will do."""

_MISUSED: Final = re.compile(
    r"unexpected keyword argument(?: '(\w+)')?"
    r"|required (?:positional|keyword-only) argument|takes \d+ positional"
)
_NOT_WRITABLE: Final = re.compile(
    r"(?:unsupported|unrecogni[sz]ed)[\w\s]* (?:block|content|message|part|role)\b", re.IGNORECASE
)
"""What integrations say of a message they cannot send."""

_OURS: Final = (AssertionError, ImportError, NameError)
"""Faults of whoever wrote the code that raised them."""

_ALWAYS_SEEN: Final = (Warning, errors.ConfigurationError)
"""What the program asked to be told of."""


def classify_exception(
    error: Exception, endpoint: Endpoint, *, ignoring: BaseException | None = None
) -> AttemptError | None:
    """Name the error that an exception of a model object is.

    Args:
        error: What was raised.
        endpoint: Whose object raised it; its key is kept out of the error.
        ignoring: What was being handled when the object was called: whatever led to that is no
            part of this fault.

    Returns:
        As :func:`.classify.classify`; what nothing is known of is a :class:`ServerError`, and what
        kept the object from asking at all an :class:`UnsupportedParameterError`. None for a fault
        in the program's own code, such as an argument nobody takes: that should be seen.
    """
    links = list(_links(error, ignoring))
    misused = _MISUSED.search(str(error)) if isinstance(error, TypeError) else None
    seen = isinstance(error, _ALWAYS_SEEN) or (
        (misused is not None or isinstance(error, _OURS)) and is_the_programs_own(error)
    )
    known = _carried(error, links, endpoint, asked=seen)
    if known is not None:
        return known
    said = scrub(str(error) or type(error).__name__, endpoint.api_key)
    for link in links:
        names = _names(link)
        phase = next((_WAITED[name] for name in names if name in _WAITED), None)
        if phase is not None:
            return errors.TargetTimeoutError(said, phase=phase, target=endpoint.name)
        if not _TRANSPORT.isdisjoint(names) or _DEAD_LOOP in str(link).lower():
            return errors.TargetConnectionError(said, target=endpoint.name)
    if seen:
        return None
    if misused:
        return _not_sent(error, endpoint, misused[1])
    by_words = classify_payload(str(error), endpoint)
    if type(by_words) is not errors.ServerError:
        return by_words
    if _NOT_WRITABLE.search(str(error)):
        return _not_sent(error, endpoint)
    kinds = (_KINDS[name] for link in links for name in _names(link) if name in _KINDS)
    kind = next(kinds, errors.ServerError)
    sent = kind not in (errors.MisconfiguredTargetError, errors.UnsupportedParameterError)
    return kind(_with_class(error, said), target=endpoint.name, sent=sent)


def raise_classified(
    error: Exception, endpoint: Endpoint, *, ignoring: BaseException | None = None
) -> NoReturn:
    """Raise the error that an exception of a model object is, or that itself.

    The exception is its cause, for whoever reads the traceback, unless that would show a key.

    Args:
        error: As of :func:`classify_exception`.
        endpoint: As of :func:`classify_exception`.
        ignoring: As of :func:`classify_exception`.
    """
    known = classify_exception(error, endpoint, ignoring=ignoring)
    if known is None or known is error:
        raise error
    links = _links(error, ignoring)
    if not any(holds_key(str(link), endpoint.api_key) for link in links):
        raise known from error
    try:
        raise known from None
    finally:
        known.__context__ = None  # some who report errors show that, too


def _carried(
    error: Exception, links: Sequence[BaseException], endpoint: Endpoint, *, asked: bool
) -> AttemptError | None:
    """Name the error by what the vendor answered, or by its not having been asked."""
    asked = asked or any(not _CREDENTIALS.isdisjoint(_names(link)) for link in links)
    for link in links:
        if isinstance(link, errors.AttemptError):
            return link
        if isinstance(link, errors.RouterError):
            return None
        # before what the link carries: that may be of an image that could not be fetched
        if not asked and while_writing(link):
            return _not_sent(error, endpoint)
        if (http := _answer(link)) is not None:
            return classify(http, endpoint)
        if (payload := _payload(link)) is not None:
            return classify_payload(payload, endpoint)
    return None


def _not_sent(
    error: Exception, endpoint: Endpoint, parameter: str | None = None
) -> errors.UnsupportedParameterError:
    said = _with_class(error, scrub(str(error), endpoint.api_key))
    return errors.UnsupportedParameterError(
        said, parameter=parameter, target=endpoint.name, sent=False
    )


def _links(error: BaseException, ignoring: BaseException | None) -> Iterator[BaseException]:
    """Walk the chain of causes, the nearest first, into groups and retriers' last attempts."""
    queue: list[BaseException | None] = [error]
    seen: set[int] = {id(ignoring)}
    while queue and len(seen) <= _MOST_LINKS:
        link = queue.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        queue.append(link.__cause__)
        if link.__cause__ is None and not link.__suppress_context__:
            queue.append(link.__context__)
        if isinstance(link, BaseExceptionGroup):
            queue.extend(link.exceptions)
        if (attempt := getattr(link, "last_attempt", None)) is not None:  # tenacity's RetryError
            queue.append(attempt.exception())


def _answer(link: BaseException) -> HttpResponse | None:
    """Find the HTTP answer an exception carries; None where it carries no status."""
    response = getattr(link, "response", None)
    if isinstance(response, Mapping):
        return _aws_answer(response)
    status = next(
        (
            int(said)
            for holder, name in (
                (link, "status_code"),
                (response, "status_code"),
                (response, "status"),
                (link, "http_status"),
                (link, "status"),
                (link, "code"),
            )
            if isinstance(said := getattr(holder, name, None), int) and 300 <= said < 600
        ),
        None,
    )
    if status is None:
        return None
    headers = getattr(response, "headers", None) or getattr(link, "headers", None)
    return HttpResponse(status, _lowered(headers), _body(link, response))


def _aws_answer(response: Mapping[str, Any]) -> HttpResponse | None:
    """Read botocore's ``ClientError.response``."""
    about = response.get("ResponseMetadata") or {}
    said = response.get("Error") or {}
    status = about.get("HTTPStatusCode")
    if not isinstance(status, int) and not said:
        return None
    body = {"__type": said.get("Code"), "message": said.get("Message")}
    headers = _lowered(about.get("HTTPHeaders"))
    # an error event inside a stream comes without a status
    status = status if isinstance(status, int) and status >= 300 else 500
    return HttpResponse(status, headers, orjson.dumps(body, default=str))


def _lowered(headers: Any) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _body(link: BaseException, response: Any) -> bytes:
    content: Any = None
    try:
        content = getattr(response, "content", None)
    except Exception:  # noqa: BLE001  (httpx raises for a stream that nobody read)
        content = None
    if isinstance(content, bytes) and content.strip():
        return content
    payload = _payload(link)
    body = {"message": str(link)} if payload is None else payload
    return body.encode() if isinstance(body, str) else orjson.dumps(body, default=str)


def _payload(link: BaseException) -> Mapping[str, Any] | str | None:
    """Find the error object an exception carries: an event in a stream, an error in a 200."""
    for name in ("body", "details", "error"):
        said = getattr(link, name, None)
        if isinstance(said, Mapping) and said:
            return said
        if isinstance(said, str) and said and name == "body":
            return said
    first = link.args[0] if link.args else None
    return first if isinstance(first, Mapping) and first else None


def _names(link: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(link).__mro__]


def _with_class(error: Exception, said: str) -> str:
    name = type(error).__name__
    return said if name in said else f"{name}: {said}"
