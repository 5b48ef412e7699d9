"""A reply made ready to be written in any protocol: ids, token counts, pieces for a stream."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import Finish, Reply, SimRequest

__all__ = [
    "Answer",
    "Call",
    "Tokens",
    "digest",
    "estimated_tokens",
    "made_up",
    "make_answer",
    "prompt_tokens",
    "seal",
    "sealer",
]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_EPOCH = 1_787_150_000
"""The simulated clock starts here (August 2026), so that a recording is the same every time."""
_WORD = re.compile(r"\S+\s*|\s+")
_PIECE = 12
_MESSAGE_TOKENS = 4
_MEDIA_TOKENS = 258


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token counts of one answer; ``input`` includes both caches, ``output`` the reasoning."""

    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.output

    @property
    def uncached(self) -> int:
        """Input tokens that touched no cache, as Anthropic and Bedrock count their input."""
        return max(0, self.input - self.cached - self.cache_write)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call with its id and the exact text of its arguments."""

    id: str
    name: str
    arguments: str

    @property
    def pieces(self) -> list[str]:
        """The arguments as they are streamed."""
        return [self.arguments[i : i + _PIECE] for i in range(0, len(self.arguments), _PIECE)]

    @property
    def value(self) -> Any:
        """The arguments as the JSON value they are; broken JSON as the string it is."""
        try:
            return orjson.loads(self.arguments)
        except orjson.JSONDecodeError:
            return self.arguments


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply to one request, with all that the protocols' writers need.

    Attributes:
        request: What was asked.
        reply: What was told to answer.
        seed: The simulator's seed.
        number: Which of the simulator's requests it answers, counted from 1.
        calls: The tool calls with their ids.
        tokens: The token counts.
        finish: Why it ended; "tool_calls" where there are any.
    """

    request: SimRequest
    reply: Reply
    seed: int
    number: int
    calls: tuple[Call, ...]
    tokens: Tokens
    finish: Finish

    @property
    def created(self) -> int:
        """When the answer was made, in seconds since the epoch, on the simulated clock."""
        return _EPOCH + self.number

    @property
    def text(self) -> str:
        """The text, or the refusal where there is one, for protocols without refusals."""
        return self.reply.refusal or self.reply.text

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed."""
        return _pieces(self.text, self.reply.chunks)

    @property
    def reasoning_pieces(self) -> list[str]:
        """The reasoning as it is streamed."""
        return _WORD.findall(self.reply.reasoning)

    def token(self, label: str, length: int) -> str:
        """Make up letters and digits, the same each time for one seed, request and label."""
        return made_up(f"{self.seed}/{self.number}/{label}", length)

    @property
    def signature(self) -> str:
        """What seals the reasoning; :mod:`.rules` knows whose and what it is when it comes back."""
        request = self.request
        whose = sealer(request.protocol, request.provider)
        return seal(whose, self.reply.reasoning, self.token("seal", 24))

    @property
    def uuid(self) -> str:
        """Make up a UUID, the same each time for one seed and request."""
        digits = blake2b(f"{self.seed}/{self.number}".encode(), digest_size=16).hexdigest()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def make_answer(
    request: SimRequest, reply: Reply, *, seed: int, number: int, id_style: tuple[str, int]
) -> Answer:
    """Complete a reply.

    Args:
        request: What was asked.
        reply: What to answer.
        seed: The simulator's seed.
        number: Which of the simulator's requests it answers, counted from 1.
        id_style: Prefix of the vendor's tool-call ids, and how many characters follow it.
    """
    prefix, length = id_style
    calls = tuple(
        Call(
            id=call.id or prefix + made_up(f"{seed}/{number}/call/{index}", length),
            name=call.name,
            arguments=call.arguments
            if isinstance(call.arguments, str)
            else orjson.dumps(dict(call.arguments)).decode(),
        )
        for index, call in enumerate(reply.tool_calls)
    )
    finish: Finish = "tool_calls" if calls and reply.finish == "stop" else reply.finish
    return Answer(request, reply, seed, number, calls, _count(request, reply, calls), finish)


def digest(reasoning: str) -> str:
    """Give what stands in a seal for the reasoning that it seals."""
    return made_up(reasoning, 12)


def sealer(protocol: str, provider: str) -> str:
    """Name who can read a seal back: Azure's are not OpenAI's."""
    return f"{protocol}@azure" if provider == "azure" else protocol


def seal(whose: str, reasoning: str, token: str) -> str:
    """Make the signature of a piece of reasoning; ``whose``: see :func:`sealer`."""
    return b64encode(f"sim/{whose}/{digest(reasoning)}/{token}".encode()).decode()


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text: four characters each, as the vendors' guides say."""
    return (len(text) + 3) // 4


def made_up(label: str, length: int) -> str:
    """Make up letters and digits, the same each time for one label."""
    number = int.from_bytes(blake2b(label.encode(), digest_size=32).digest(), "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, 62)
        letters.append(_BASE62[index])
    return "".join(letters)


def prompt_tokens(request: SimRequest) -> int:
    """Estimate the tokens of a request: its messages, tools and media."""
    count = sum(estimated_tokens(text) + _MESSAGE_TOKENS for _, text in request.messages)
    if request.tool_schemas:
        count += len(orjson.dumps(dict(request.tool_schemas))) // 4
    return count + _MEDIA_TOKENS * len(request.media)


def _count(request: SimRequest, reply: Reply, calls: tuple[Call, ...]) -> Tokens:
    reasoning = reply.reasoning_tokens
    if reasoning is None:
        reasoning = estimated_tokens(reply.reasoning)
    output = reply.output_tokens
    if output is None:
        output = reasoning + estimated_tokens(reply.text) + estimated_tokens(reply.refusal)
        output += sum(estimated_tokens(call.name + call.arguments) + 2 for call in calls)
    counted = reply.input_tokens
    if counted is None:
        counted = max(prompt_tokens(request), reply.cached_tokens + reply.cache_write_tokens)
    return Tokens(counted, output, reply.cached_tokens, reply.cache_write_tokens, reasoning)


def _pieces(text: str, chunks: int | None) -> list[str]:
    if chunks is None:
        return _WORD.findall(text)
    size, extra = divmod(len(text), max(1, chunks))
    pieces, start = [], 0
    for index in range(max(1, chunks)):
        end = start + size + (index < extra)
        pieces.append(text[start:end])
        start = end
    return [piece for piece in pieces if piece]
