"""What a simulator does with one request: what it sends, when, and how the connection ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import orjson

from llmrouter_integrations.testing.protocols.base import JSON, Frame, Problem, data_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmrouter_integrations.testing.answer import Answer
    from llmrouter_integrations.testing.faults import Fault
    from llmrouter_integrations.testing.protocols.base import Failure, SimProtocol
    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["Exchange", "answered", "failed", "faulted"]

_DRIP_BYTES = 16
_HEARTBEAT = {"anthropic": b'event: ping\ndata: {"type": "ping"}\n\n', "bedrock": b""}
_COMMENT = b": PROCESSING\n\n"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One response, as a plan that the server carries out.

    Attributes:
        status: HTTP status.
        headers: Response headers; framing headers are added.
        frames: The body, in pieces.
        streamed: Whether the body is sent in chunked encoding rather than with its length.
        delay_s: Seconds before the first byte.
        gap_s: Seconds before each piece.
        gap_pieces: How many of the first pieces the gap is before; None: all.
        pause: Before which piece to pause, and for how many seconds.
        length: The length declared for a whole body; None: its true one.
        end: ``clean``; ``close``: the connection is closed with the body unfinished; ``reset``:
            it is reset after ``reset_after`` bytes.
        reset_after: Bytes of the response to send before a reset.
    """

    status: int
    headers: Mapping[str, str]
    frames: tuple[Frame, ...]
    streamed: bool = False
    delay_s: float = 0.0
    gap_s: float = 0.0
    gap_pieces: int | None = None
    pause: tuple[int, float] | None = None
    length: int | None = None
    end: Literal["clean", "close", "reset"] = "clean"
    reset_after: int = 0


def answered(protocol: SimProtocol, answer: Answer) -> Exchange:
    """Plan a good answer, streamed if that was asked for."""
    reply = answer.reply
    headers = protocol.headers(answer)
    if answer.request.stream:
        headers["content-type"] = protocol.stream_type
        frames = tuple(protocol.frames(answer))
    else:
        headers["content-type"] = JSON
        frames = (Frame(orjson.dumps(protocol.whole(answer)), content=True),)
    return Exchange(
        status=200,
        headers={**headers, **reply.headers},
        frames=frames,
        streamed=answer.request.stream,
        delay_s=reply.delay_s,
        gap_s=reply.chunk_delay_s if answer.request.stream else 0.0,
    )


def failed(failure: Failure, headers: Mapping[str, str]) -> Exchange:
    """Plan an error."""
    return _body(
        failure.status,
        orjson.dumps(failure.body),
        {"content-type": JSON, **failure.headers, **headers},
    )


def faulted(
    fault: Fault, protocol: SimProtocol, request: SimRequest, good: Callable[[], Exchange]
) -> Exchange:
    """Plan a fault.

    Args:
        fault: The fault.
        protocol: The protocol spoken.
        request: What was asked.
        good: Gives the plan of the good answer, for faults that spoil one.
    """
    problem = fault.problem or Problem("server_error")
    match fault.action:
        case "problem":
            failure = protocol.failure(request, problem)
            if failure.status == 200 and request.stream:
                return Exchange(
                    200, _typed(protocol), (Frame(data_frame(failure.body)),), streamed=True
                )
            return failed(failure, fault.headers)
        case "error_in_200":
            return _said_in_200(fault, protocol, request)
        case "error_event":
            if not request.stream:
                return _said_in_200(fault, protocol, request)
            plan = good()
            frame = Frame(protocol.error_frame(request, problem))
            return replace(plan, frames=(*plan.frames[: _nth(plan, fault)], frame))
        case "raw" | "html":
            return _body(fault.code, fault.body, fault.headers)
        case "empty_body":
            return _body(200, b"", _typed(protocol))
        case "refuse":
            return replace(_body(200, b"", {}), end="reset")
        case "heartbeats":
            beat = _HEARTBEAT.get(request.protocol, _COMMENT) if request.stream else b" "
            return _with_heartbeats(fault, beat, good())
        case _:
            return _SPOILERS[fault.action](fault, good())


def _body(status: int, body: bytes, headers: Mapping[str, str]) -> Exchange:
    return Exchange(status, headers, (Frame(body),) if body else ())


def _typed(protocol: SimProtocol) -> dict[str, str]:
    return {"content-type": protocol.stream_type}


def _said_in_200(fault: Fault, protocol: SimProtocol, request: SimRequest) -> Exchange:
    failure = protocol.failure(request, fault.problem or Problem("server_error"))
    return _body(200, orjson.dumps(failure.body), {"content-type": JSON})


def _nth(plan: Exchange, fault: Fault) -> int:
    """Give the index of the event after ``after_chunks`` content events, or of the finish.

    The last event is never before it: Gemini's finish marker comes with the last of the text.
    """
    content = [index for index, frame in enumerate(plan.frames) if frame.content]
    last = max(0, len(plan.frames) - 1)
    if fault.after_chunks < len(content):
        return min(content[fault.after_chunks], last)
    return min(content[-1] + 1, last) if content else last


def _halves(plan: Exchange) -> tuple[Frame, ...]:
    body = b"".join(frame.data for frame in plan.frames)
    middle = len(body) // 2
    return Frame(body[:middle]), Frame(body[middle:])


def _reset(fault: Fault, plan: Exchange) -> Exchange:
    return replace(plan, end="reset", reset_after=fault.after_bytes)


def _stall(fault: Fault, plan: Exchange) -> Exchange:
    return replace(plan, delay_s=plan.delay_s + fault.seconds)


def _stall_body(fault: Fault, plan: Exchange) -> Exchange:
    if plan.streamed:
        return replace(plan, pause=(_nth(plan, fault), fault.seconds))
    return replace(plan, frames=_halves(plan), pause=(1, fault.seconds))


def _cut(fault: Fault, plan: Exchange) -> Exchange:
    if plan.streamed:
        return replace(plan, frames=plan.frames[: _nth(plan, fault)], end="close")
    first, second = _halves(plan)
    length = len(first.data) + len(second.data)
    return replace(plan, frames=(first,), length=length, end="close")


def _unfinished(fault: Fault, plan: Exchange) -> Exchange:
    if plan.streamed:
        return replace(plan, frames=plan.frames[: _nth(plan, fault)])
    return replace(plan, frames=_halves(plan)[:1])


def _truncated_json(fault: Fault, plan: Exchange) -> Exchange:
    if not plan.streamed:
        return replace(plan, frames=_halves(plan)[:1])
    nth = _nth(plan, fault)
    broken = plan.frames[nth].data
    return replace(plan, frames=(*plan.frames[:nth], Frame(broken[: len(broken) // 2])))


def _wrong_content_type(fault: Fault, plan: Exchange) -> Exchange:  # noqa: ARG001  (one of a table)
    return replace(plan, headers={**plan.headers, "content-type": "text/plain; charset=utf-8"})


def _drip(fault: Fault, plan: Exchange) -> Exchange:
    if plan.streamed:
        return replace(plan, gap_s=fault.interval_s)
    body = b"".join(frame.data for frame in plan.frames)
    drips = (body[i : i + _DRIP_BYTES] for i in range(0, len(body), _DRIP_BYTES))
    return replace(plan, frames=tuple(map(Frame, drips)), gap_s=fault.interval_s)


def _with_heartbeats(fault: Fault, beat: bytes, plan: Exchange) -> Exchange:
    count = max(1, round(fault.seconds / fault.interval_s))
    frames = ((Frame(beat),) * count) + plan.frames
    return replace(plan, frames=frames, gap_s=fault.interval_s, gap_pieces=count)


def _as_it_is(fault: Fault, plan: Exchange) -> Exchange:  # noqa: ARG001  (one of a table)
    return plan


_SPOILERS: Mapping[str, Callable[[Fault, Exchange], Exchange]] = {
    "reset": _reset,
    "stall": _stall,
    "stall_body": _stall_body,
    "cut": _cut,
    "unfinished": _unfinished,
    "truncated_json": _truncated_json,
    "wrong_content_type": _wrong_content_type,
    "drip": _drip,
    "answer": _as_it_is,
}
