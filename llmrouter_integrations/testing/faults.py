"""The catalogue of faults that a simulated provider can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from llmrouter_integrations.testing.protocols.base import Problem
from llmrouter_integrations.testing.script import Reply, SimRequest, ToolCall

__all__ = ["Fault", "Step"]

Action = Literal[
    "problem",
    "raw",
    "refuse",
    "reset",
    "stall",
    "stall_body",
    "cut",
    "unfinished",
    "error_event",
    "error_in_200",
    "html",
    "empty_body",
    "truncated_json",
    "wrong_content_type",
    "drip",
    "heartbeats",
    "answer",
]

_KIND_BY_STATUS = {
    400: "bad_request",
    401: "bad_key",
    402: "billing",
    403: "forbidden",
    404: "model_gone",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_requests",
    500: "server_error",
    503: "unavailable",
    529: "overloaded",
}
_BROKEN_ARGUMENTS = '{"query": "unfinis'
_GATEWAY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_GATEWAY_TITLE = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a provider to fail; made by the class methods, not by hand.

    Errors of the HTTP kind come in each vendor's own words, with its own status, and are what
    that vendor was recorded or is documented to send. Faults of the transport kind happen to a
    good answer: ``reply``, or what the simulator would otherwise have answered.

    Where a fault counts ``after_chunks``, it counts events that carry text, reasoning or tool
    arguments; the events before them (a stream's preamble) are sent. An answer that is not
    streamed has no chunks, and is broken in the middle of its body.
    """

    action: Action
    problem: Problem | None = None
    reply: Reply | None = None
    after_chunks: int = 0
    after_bytes: int = 0
    seconds: float = 0.0
    interval_s: float = 0.0
    code: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is, in a word or two: "cut", "status 429 rate_requests"."""
        if self.problem is not None and self.action == "problem":
            status = f"{self.problem.status} " if self.problem.status else ""
            return f"status {status}{self.problem.kind}"
        return f"status {self.code}" if self.action == "raw" else self.action

    # -- errors over HTTP ------------------------------------------------------------------

    @classmethod
    def status(
        cls,
        code: int,
        *,
        kind: str | None = None,
        message: str | None = None,
        retry_after_s: float | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Answer with an HTTP error.

        Args:
            code: The HTTP status.
            kind: Which error of that status: ``bad_request``, ``context_overflow``,
                ``unsupported_parameter``, ``content_filter``, ``billing``, ``bad_key``,
                ``forbidden``, ``model_gone``, ``timeout``, ``conflict``, ``too_large``,
                ``unprocessable``, ``rate_requests``, ``rate_tokens``, ``daily_quota``,
                ``server_error``, ``unavailable``, ``overloaded``. None: the usual one of the
                status; 502 and 504 are a proxy's HTML page.
            message: The vendor's message, replaced.
            retry_after_s: Seconds to wait, said where the vendor says it.
            body: The whole body instead of the vendor's: text, bytes, or what becomes JSON.
            headers: Further headers.
        """
        if body is not None or (kind is None and code not in _KIND_BY_STATUS):
            page = _GATEWAY_PAGE.format(_GATEWAY_TITLE.get(code, str(code)))
            raw, content_type = _encoded(page if body is None else body)
            given = {"content-type": content_type, **(headers or {})}
            if retry_after_s is not None:
                given["retry-after"] = f"{retry_after_s:g}"
            return cls("raw", code=code, body=raw, headers=given)
        problem = Problem(kind or _KIND_BY_STATUS[code], code, message, retry_after_s)
        return cls("problem", problem, headers=headers or {})

    @classmethod
    def context_overflow(cls) -> Fault:
        """Refuse a prompt as too long for the model's window."""
        return cls("problem", Problem("context_overflow"))

    @classmethod
    def bad_key(cls) -> Fault:
        """Refuse the API key; some vendors do so with 400 or 403."""
        return cls("problem", Problem("bad_key"))

    @classmethod
    def model_gone(cls) -> Fault:
        """Say that there is no such model; some vendors do so with 400."""
        return cls("problem", Problem("model_gone"))

    @classmethod
    def rate_limited(cls, retry_after_s: float | None = None, *, kind: str = "requests") -> Fault:
        """Say that too much came in too short a time.

        Args:
            retry_after_s: Seconds to wait, said where the vendor says it.
            kind: ``requests`` or ``tokens``, whichever ran out.
        """
        return cls("problem", Problem(f"rate_{kind}", retry_after_s=retry_after_s))

    @classmethod
    def quota(cls, *, daily: bool = False) -> Fault:
        """Say that the credit, or the day's quota, is used up: waiting seconds is no help."""
        return cls("problem", Problem("daily_quota" if daily else "billing"))

    @classmethod
    def overloaded(cls, retry_after_s: float | None = None) -> Fault:
        """Say that there is no capacity just now (529 at Anthropic, 503 elsewhere)."""
        return cls("problem", Problem("overloaded", retry_after_s=retry_after_s))

    @classmethod
    def content_filter(cls) -> Fault:
        """Refuse the prompt by a safety system (Gemini does so with status 200)."""
        return cls("problem", Problem("content_filter"))

    @classmethod
    def unsupported_parameter(cls, name: str) -> Fault:
        """Refuse one parameter of the request."""
        return cls("problem", Problem("unsupported_parameter", parameter=name))

    # -- faults of the connection ----------------------------------------------------------

    @classmethod
    def refuse(cls) -> Fault:
        """Reset the connection without a byte of answer, once the request is read.

        For a connection that is refused outright see :meth:`ProviderSimulator.dead_url`.
        """
        return cls("refuse")

    @classmethod
    def reset(cls, after_bytes: int = 0, *, reply: Reply | None = None) -> Fault:
        """Reset the connection after so many bytes of the response, its head included."""
        return cls("reset", reply=reply, after_bytes=after_bytes)

    @classmethod
    def stall(cls, seconds: float, *, reply: Reply | None = None) -> Fault:
        """Send nothing for so many seconds, then the answer."""
        return cls("stall", reply=reply, seconds=seconds)

    @classmethod
    def stall_body(
        cls, after_chunks: int = 1, seconds: float = 3600.0, *, reply: Reply | None = None
    ) -> Fault:
        """Pause for so many seconds in the middle of the body, then go on."""
        return cls("stall_body", reply=reply, after_chunks=after_chunks, seconds=seconds)

    @classmethod
    def drip(cls, interval_s: float, *, reply: Reply | None = None) -> Fault:
        """Send the body in drips: one event, or 16 bytes of a whole body, an interval."""
        return cls("drip", reply=reply, interval_s=interval_s)

    @classmethod
    def heartbeats(
        cls, seconds: float, interval_s: float = 0.05, *, reply: Reply | None = None
    ) -> Fault:
        """Send only keep-alives for so many seconds (pings, SSE comments, blanks), then answer."""
        return cls("heartbeats", reply=reply, seconds=seconds, interval_s=interval_s)

    @classmethod
    def cut(cls, after_chunks: int = 1, *, reply: Reply | None = None) -> Fault:
        """Close the connection in the middle of the body, its framing unfinished."""
        return cls("cut", reply=reply, after_chunks=after_chunks)

    # -- answers that are not what they should be ------------------------------------------

    @classmethod
    def unfinished(cls, after_chunks: int = 1, *, reply: Reply | None = None) -> Fault:
        """End the response cleanly, but without the finish marker, the usage or ``[DONE]``.

        An answer that is not streamed ends in the middle of its JSON.
        """
        return cls("unfinished", reply=reply, after_chunks=after_chunks)

    @classmethod
    def error_event(
        cls, after_chunks: int = 1, *, kind: str = "overloaded", reply: Reply | None = None
    ) -> Fault:
        """Send the vendor's error event inside a stream of status 200.

        An answer that is not streamed becomes :meth:`error_in_200`.
        """
        return cls("error_event", Problem(kind), reply, after_chunks)

    @classmethod
    def error_in_200(cls, *, kind: str = "server_error") -> Fault:
        """Send the vendor's error body with status 200."""
        return cls("error_in_200", Problem(kind))

    @classmethod
    def html(cls) -> Fault:
        """Send a web page with status 200, as captive portals and proxies do."""
        page = b"<!DOCTYPE html><html><body><h1>Please sign in to this network</h1></body></html>"
        return cls("html", body=page, headers={"content-type": "text/html; charset=utf-8"})

    @classmethod
    def empty_body(cls) -> Fault:
        """Send status 200 and not one byte of body."""
        return cls("empty_body")

    @classmethod
    def truncated_json(cls, after_chunks: int = 1, *, reply: Reply | None = None) -> Fault:
        """End the response cleanly in the middle of a JSON document."""
        return cls("truncated_json", reply=reply, after_chunks=after_chunks)

    @classmethod
    def wrong_content_type(cls, *, reply: Reply | None = None) -> Fault:
        """Send a good answer labelled ``text/plain``."""
        return cls("wrong_content_type", reply=reply)

    @classmethod
    def empty_answer(cls) -> Fault:
        """Send a well-formed, finished answer with nothing in it."""
        return cls("answer", reply=Reply(output_tokens=0))

    @classmethod
    def malformed_tool_call(cls, name: str | None = None) -> Fault:
        """Send a tool call whose arguments are broken JSON.

        Args:
            name: The tool called; None: the first the request offers.
        """
        call = ToolCall(name or "", _BROKEN_ARGUMENTS)
        return cls("answer", reply=Reply(tool_calls=(call,), chunks=1))


Step: TypeAlias = Reply | Fault | Callable[[SimRequest], Reply | Fault]
"""One step of a script: an answer, a fault, or what chooses between them by the request."""


def _encoded(body: Any) -> tuple[bytes, str]:
    if isinstance(body, str):
        return body.encode(), "text/html" if body.lstrip().startswith("<") else "text/plain"
    if isinstance(body, bytes):
        return body, "application/json"
    import orjson

    return orjson.dumps(body), "application/json"
