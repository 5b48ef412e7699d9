"""What an error says, out of whatever form it says it in: JSON of many shapes, HTML, plain text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.wire.retry_after import duration_s

if TYPE_CHECKING:
    from llmrouter_integrations.http_messages import HttpResponse

__all__ = ["Said", "read_body", "read_error"]

_SEARCHED_CHARS: Final = 4000
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MARKUP: Final = re.compile(r"<(script|style).*?</\1>|<[^>]+>|\s+", re.IGNORECASE | re.DOTALL)
_WAIT: Final = re.compile(
    r"(?:try again|retry)[a-z ]*? (?:in|after) "
    r"((?:\d+(?:\.\d+)?(?:ms|[smhd]))+|\d+(?:\.\d+)? ?(?:milliseconds?|seconds?|minutes?|hours?))",
    re.IGNORECASE,
)
_LONG_UNITS: Final = (("millisecond", "ms"), ("second", "s"), ("minute", "m"), ("hour", "h"))
_PARAMETER: Final = re.compile(
    r"""
      (?:unsupported|unknown|unrecognized)\ (?:parameter|value|field|name):?\ ['"`]([\w.\[\]]+)['"`]
    | (?:argument\ supplied|not\ supported\ on\ this\ model):\ ([\w.]+)
    | ^([\w.]+):\ extra\ inputs\ are\ not\ permitted
    | ^['"`]?(max_tokens|temperature|top_p|top_k)\b
    | (?:does\ not|doesn't)\ support\ (?:the\ )?(?:parameter\ )?['"`]?(\w+)
    | ['"`]([\w.]+)['"`](?:\ parameter)?\ (?:is\ )?(?:not\ supported|unsupported|of\ type|dep)
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """An error in no vendor's form.

    Attributes:
        message: In the provider's words.
        code: The most telling of its codes, as it wrote it.
        codes: Every code, type and reason it gave, in lower case with ``_`` for ``-`` and blanks.
        hidden: Further words to search: the upstream's body that a gateway passes on.
        parameter: The parameter it complains of.
        status: An HTTP status that the body itself gives.
        retry_after_s: Seconds to wait, as the body asks.
        request_id: The id the body gives for the exchange.
        headers: The upstream's rate limit headers that a gateway passes on, in lower case.
    """

    message: str = ""
    code: str = ""
    codes: frozenset[str] = frozenset()
    hidden: str = ""
    parameter: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = EMPTY_MAP

    @property
    def searchable(self) -> str:
        """All its words, in lower case."""
        return f"{self.message[:_SEARCHED_CHARS]} {self.hidden[:_SEARCHED_CHARS]}".lower()


def read_body(http: HttpResponse) -> Said:
    """Read an answer's body, and AWS's error type from its header."""
    kind = http.headers.get("x-amzn-errortype", "")
    try:
        body = orjson.loads(http.body)
    except orjson.JSONDecodeError:
        return _read({"message": _plain(http.body), "__type": kind})
    if isinstance(body, Mapping):
        return _read({**body, "__type": kind} if kind else body)
    return read_error(body)


def read_error(error: Any) -> Said:
    """Read an error object, a list that holds one (Gemini), or a bare message."""
    if isinstance(error, Mapping):
        return _read(error)
    if isinstance(error, Sequence) and not isinstance(error, str):
        return read_error(error[0] if error else "")
    return _read({"message": "" if error is None else str(error)})


def _read(body: Mapping[str, Any]) -> Said:
    error = body.get("error")
    inner: Mapping[str, Any] = error if isinstance(error, Mapping) else body
    metadata = _mapping(inner.get("metadata"))
    hidden: list[str] = []
    reasons: list[Any] = []
    wait: float | None = None
    for detail in [*_listed(inner.get("details")), _mapping(inner.get("innererror"))]:
        reasons += [detail.get("reason"), detail.get("code")]
        hidden += [_text(breach.get("quotaId")) for breach in _listed(detail.get("violations"))]
        if isinstance(delay := detail.get("retryDelay"), str):
            wait = duration_s(delay)
    upstream = (metadata.get("raw"), inner.get("param"))
    hidden += [_text(said) or _as_json(said) for said in upstream if said]
    listed = _listed(body.get("detail")) or _listed(body.get("errors"))
    reasons += [item.get("type") or item.get("code") for item in listed]
    codes = [
        inner.get("code"),
        inner.get("type"),
        inner.get("status"),
        *reasons,
        metadata.get("error_type"),
        body.get("code"),
        body.get("error_type"),
        *[_aws(name) for name in (body.get("__type"), inner.get("__type"))],
    ]
    named = [str(code) for code in codes if code and not isinstance(code, (Mapping, list))]
    message = _message(body, inner, listed)
    return Said(
        message=message,
        code=next((code for code in named if not _is_status(code) and code != "error"), ""),
        codes=frozenset([code.lower().replace("-", "_").replace(" ", "_") for code in named]),
        hidden=" ".join(hidden),
        parameter=_parameter(inner, listed, message),
        status=_status(inner, body),
        retry_after_s=_asked_s(message) if wait is None else wait,
        request_id=_text(body.get("request_id") or inner.get("request_id")) or None,
        headers={k.lower(): str(v) for k, v in _mapping(metadata.get("headers")).items()},
    )


def _message(
    body: Mapping[str, Any], inner: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]
) -> str:
    """Find the words: vendors keep them under ``message``, ``Message``, ``error`` or ``detail``."""
    for holder in (inner, body):
        for key in ("message", "Message", "error", "detail", "msg", "title"):
            said = holder.get(key)
            if isinstance(said, str) and said:
                return said
            if isinstance(said, Mapping) and key == "message":
                # mistral wraps FastAPI's list in its message
                return _validation(_listed(said.get("detail"))) or _as_json(said)
    return _validation(listed) or (_as_json(body) if any(body.values()) else "")


def _validation(listed: Sequence[Mapping[str, Any]]) -> str:
    """Join a validator's complaints, each with its place."""
    return "; ".join(
        [
            ": ".join(filter(None, (_place(item), _text(item.get("msg") or item.get("message")))))
            for item in listed
        ]
    )


def _place(item: Mapping[str, Any]) -> str:
    loc = item.get("loc")
    if not isinstance(loc, list):
        return ""
    return ".".join([str(step) for step in loc if step != "body"])


def _parameter(
    inner: Mapping[str, Any], listed: Sequence[Mapping[str, Any]], message: str
) -> str | None:
    if isinstance(param := inner.get("param"), str) and param:
        return param
    if listed and (place := _place(listed[0])):
        return place
    found = _PARAMETER.search(message)
    return next((group for group in found.groups() if group), None) if found else None


def _status(*holders: Mapping[str, Any]) -> int | None:
    for holder in holders:
        for key in ("status_code", "status", "code", "raw_status_code"):
            said = holder.get(key)
            if said is not None and _is_status(str(said)):
                return int(said)
    return None


def _is_status(code: str) -> bool:
    return len(code) == 3 and code.isdecimal() and "400" <= code < "600"


def _asked_s(message: str) -> float | None:
    found = _WAIT.search(message)
    if not found:
        return None
    asked = found[1].lower().replace(" ", "")
    for long, short in _LONG_UNITS:
        asked = asked.removesuffix("s") if asked.endswith(long + "s") else asked
        asked = asked.replace(long, short)
    return duration_s(asked)


def _aws(name: Any) -> str:
    """Take the bare name out of ``com.amazon.x#Name`` and ``Name:http://internal...``."""
    return _text(name).rpartition("#")[2].partition(":")[0]


def _plain(body: bytes) -> str:
    text = body[: 4 * _SEARCHED_CHARS].decode("utf-8", "replace").strip()
    if not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    return html.unescape(_MARKUP.sub(" ", title[1] if title else text)).strip()


def _as_json(value: Any) -> str:
    # the stdlib's, which takes whatever a caller may hand in
    return json.dumps(value, default=str, ensure_ascii=False)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else EMPTY_MAP


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
