"""The fault catalogue: what can happen to one call, and what it means.

Each row of :data:`~.rows.FAULTS` says what happened, how the simulator brings it about, and what
it means for the target, its quota group and the request. It states that on its own: the tests
provoke every row in every protocol and hold the catalogue against what the router then does.
docs/faults.md is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal, TypeAlias

import orjson

from llmrouter_integrations.testing import Fault, Reply

__all__ = ["NOT_AWS", "PROTOCOLS", "FaultRow", "Meaning", "Place", "Way"]

PROTOCOLS = ("openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock")

NOT_AWS = tuple(name for name in PROTOCOLS if name != "bedrock")
"""AWS says every error by a status, or in its event framing, and bills by the month."""

Place = Literal["dead port", "silent port", "unknown host", "plain port"]
"""An address where no provider is: nothing listens, nothing answers, the name resolves to nothing,
or TLS is not spoken."""

Way: TypeAlias = Fault | Place | Callable[[Reply], Reply]
"""How a fault is brought about: what a simulated provider sends (a fault that spoils an answer
spoils the good one), where the target is, or what becomes of the good answer."""

Then = Literal["elsewhere", "another model", "a larger window", "given up", "answered"]
"""What becomes of a request: any other target is asked; one with another model; one with a larger
window; nobody, and the caller is told; or the answer stands, with what it says of itself."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a fault means.

    Attributes:
        error: The class of :mod:`llmrouter_integrations.errors` that the call ends in; empty where
            it ends in an answer.
        rests: What is not asked for a while.
        after: So many of them in a row send it to rest.
        rest_s: For how many seconds at least.
        then: What becomes of the request.
        again: Whether the same target may be asked again, where nobody else can be.
        better_than_none: Whether the answer at fault is given where nobody gives a better one, as
            the model alone would have given it.
    """

    error: str
    rests: Literal["nothing", "target", "quota_group"] = "nothing"
    after: int = 3
    rest_s: float = 0.0
    then: Then = "elsewhere"
    again: bool = False
    better_than_none: bool = False


@dataclass(frozen=True)
class FaultRow:
    """One fault.

    Attributes:
        name: What the drill calls it.
        kind: Which part of the page it stands in.
        happened: What happened, as a person would say it.
        meaning: What it means.
        way: How it is brought about.
        example: What is seen of it.
        source: Who recorded or stated that.
        ask: What must be asked for, so that it can happen.
        after_content: Whether a streamed answer has begun when it happens: then it ends in
            ``StreamInterrupted``, for nobody else can go on with it.
        phase: Of timeouts, the limit that runs out, streamed.
        whole_phase: The same of a whole answer.
        spelled: Whether ``wire/error_rows.jsonl`` has further spellings: all of this meaning whose
            status is one of these; empty: none.
        protocols: Those that can show it.
        whole_protocols: Those that can show it in an answer that is not streamed.
        checked: What a router must be told to check, to notice it.
    """

    name: str
    kind: str
    happened: str
    meaning: Meaning
    way: Way
    example: str
    source: str
    ask: Literal["text", "tool", "schema"] = "text"
    after_content: bool = False
    phase: str = ""
    whole_phase: str = ""
    spelled: tuple[int, ...] = ()
    protocols: tuple[str, ...] = PROTOCOLS
    whole_protocols: tuple[str, ...] = PROTOCOLS
    checked: Literal["", "schema", "tools"] = ""

    @cached_property
    def spellings(self) -> tuple[dict[str, Any], ...]:
        """The lines of ``wire/error_rows.jsonl`` that say the same in other words."""
        return tuple(
            line
            for line in _error_lines()
            if line["means"] == self.meaning.error and line["status"] in self.spelled
        )

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """Every way to bring it about, that of the row first, then the other spellings."""
        said = [Fault.status(line["status"], body=line["body"]) for line in self.spellings]
        return (self.way, *said)

    def can_show(self, protocol: str, *, streamed: bool) -> bool:
        """Say whether an answer in this protocol can go wrong in this way."""
        return protocol in self.protocols and (streamed or protocol in self.whole_protocols)

    def interrupts(self, *, streamed: bool) -> bool:
        """Say whether some of the answer has been handed on when it happens."""
        return streamed and self.after_content


@cache
def _error_lines() -> tuple[dict[str, Any], ...]:
    lines = resources.files("llmrouter_integrations.wire").joinpath("error_rows.jsonl")
    return tuple([orjson.loads(line) for line in lines.read_bytes().splitlines()])
