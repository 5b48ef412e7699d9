"""Which error a failed call comes to: by status, code and body, never by an SDK's class.

What vendors say stands in ``error_rows.jsonl``, one saying a line, in the order tried:

- ``means``: the class of :mod:`llmrouter_integrations.errors`;
- ``code`` (a code or type, lower case, ``-`` and blanks as ``_``), ``says`` (pieces of the message,
  lower case, all of which must occur), ``only`` (the statuses it is limited to): all that are
  given must hold; an unknown status passes;
- ``status`` and ``body``: an answer that this line, and none before it, fits;
- ``source``: who says so. What is not marked recorded is from the vendor's documentation, SDK or
  source, or from public issue reports.

The target's faults stand before the request's, since validation errors may echo a prompt; quota
before rate, because many vendors use one code for both. What no line knows falls to the status.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import errors
from llmrouter_integrations.wire.error_body import Said, read_body, read_error
from llmrouter_integrations.wire.retry_after import retry_after_s
from llmrouter_integrations.wire.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["classify", "classify_payload"]

REQUEST_ID_HEADERS: Final = (
    "x-request-id",  # openai, groq, openrouter, together, xai
    "request-id",  # anthropic
    "x-amzn-requestid",
    "apim-request-id",  # azure
    "x-generation-id",  # openrouter
    "cf-ray",  # whatever stands behind Cloudflare and has no id of its own
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    error: type[AttemptError]
    code: str
    says: tuple[str, ...]
    statuses: frozenset[int]

    def fits(self, status: int | None, said: Said, text: str) -> bool:
        """Whether all that the line demands holds; ``text`` is the message in lower case."""
        return (
            (not self.code or self.code in said.codes)
            and (not self.statuses or status is None or status in self.statuses)
            and all(piece in text for piece in self.says)
        )


def classify(http: HttpResponse, endpoint: Endpoint) -> AttemptError:
    """Name the error that an answer with a status other than 2xx is.

    Args:
        http: The answer, whole.
        endpoint: Who gave it; its key is kept out of the error should the body echo it.

    Returns:
        The error, with the provider's own words (bounded, keys scrubbed), code, the seconds it
        asked us to wait and its request id; ``target`` is the endpoint's name.
    """
    said = read_body(http)
    return _build(
        said,
        endpoint,
        status=http.status,
        wait_s=retry_after_s(http, said),
        request_id=next(
            (http.headers[name] for name in REQUEST_ID_HEADERS if name in http.headers),
            said.request_id,
        ),
    )


def classify_payload(
    error: Mapping[str, Any] | str, endpoint: Endpoint, *, status: int | None = None
) -> AttemptError:
    """Name the error that stands in a 2xx body or in a stream's event.

    Args:
        error: The error object, or what holds it under ``error``, or its bare message.
        endpoint: As :func:`classify`.
        status: A status the protocol gives for it; else one found in the object is used.

    Returns:
        As :func:`classify`; a :class:`ServerError` where nothing is known of it.
    """
    said = read_error(error)
    status = status or said.status
    return _build(
        said, endpoint, status=status, wait_s=said.retry_after_s, request_id=said.request_id
    )


def _build(
    said: Said,
    endpoint: Endpoint,
    *,
    status: int | None,
    wait_s: float | None,
    request_id: str | None,
) -> AttemptError:
    text = said.searchable
    error = next((row.error for row in _rows() if row.fits(status, said, text)), None)
    more: dict[str, Any] = {}
    if error is None:
        error = _by_status(status)
    if issubclass(error, errors.UnsupportedParameterError):
        more["parameter"] = said.parameter
    if issubclass(error, errors.TargetError):
        more["retry_after_s"] = wait_s
    message = said.message if said.message != str(status) else ""
    return error(
        scrub(message, endpoint.api_key) or f"HTTP {status} without a word",
        status=status,
        code=scrub(said.code, endpoint.api_key) or None,
        request_id=request_id,
        target=endpoint.name,
        **more,
    )


STATUSES: Final[Mapping[int, type[AttemptError]]] = {
    401: errors.AuthenticationError,
    402: errors.QuotaExhaustedError,
    403: errors.PermissionDeniedError,
    404: errors.ModelNotFoundError,
    405: errors.ModelNotFoundError,
    407: errors.TargetConnectionError,
    408: errors.ServerError,
    409: errors.ServerError,
    410: errors.ModelNotFoundError,
    413: errors.ContextOverflowError,
    424: errors.ServerError,
    425: errors.ServerError,
    429: errors.RateLimitedError,
    451: errors.PermissionDeniedError,
    498: errors.OverloadedError,
    499: errors.ServerError,
    503: errors.OverloadedError,
    529: errors.OverloadedError,
}
"""What a status means where the body says nothing known."""


def _by_status(status: int | None) -> type[AttemptError]:
    if status is None or status >= 500:
        return STATUSES.get(status or 500, errors.ServerError)
    if status >= 400:
        return STATUSES.get(status, errors.InvalidRequestError)
    if status >= 300:
        # none is followed: the address in the configuration is not the provider's any more
        return errors.ModelNotFoundError
    return errors.ServerError


@cache
def _rows() -> tuple[Row, ...]:
    lines = resources.files(__package__).joinpath("error_rows.jsonl").read_bytes().splitlines()
    return tuple([_row(orjson.loads(line)) for line in lines])


def _row(line: Mapping[str, Any]) -> Row:
    error: type[AttemptError] = getattr(errors, line["means"])
    says = tuple(line.get("says", ()))
    return Row(error, line.get("code", ""), says, frozenset(line.get("only", ())))
