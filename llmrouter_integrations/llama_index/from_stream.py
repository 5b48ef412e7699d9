"""The pieces of another LlamaIndex LLM's streamed answer -> deltas.

Integrations differ in what a piece holds. Most give all of the answer so far, OpenAI's Responses
only what an event brings; text is told apart by ``delta``, calls and thoughts by what was there
before. What they tell only in the end (signatures, citations, parts that come whole) is laid upon
the parts that were begun, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
from llama_index.core.base.llms.types import ThinkingBlock

from llmrouter_integrations.llama_index.blocks import arguments_json
from llmrouter_integrations.llama_index.from_chat import About, distinct, parts_of
from llmrouter_integrations.llama_index.tools import calls_in
from llmrouter_integrations.messages import (
    Chunk,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from llmrouter_integrations.wrapping.reading import check_no_restart
from llmrouter_integrations.wrapping.reasons import reason
from llmrouter_integrations.wrapping.usage import usage_of

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse

    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["StreamReader"]

_Spoken = Literal["text", "reasoning"]
_Part = TypeVar("_Part", TextPart, ReasoningPart)


class StreamReader:
    """Reads the pieces of one streamed answer.

    Args:
        endpoint: Whose it is.
        issuer: Who can read back its reasoning and signatures.
        text_tool: The tool by whose call the LLM was made to give its answer a form: a call of it
            is read as text.
    """

    def __init__(self, endpoint: Endpoint, issuer: str, *, text_tool: str | None = None) -> None:
        self._about = About(endpoint)
        self._issuer = issuer
        self._text_tool = text_tool
        self._parts = 0
        self._at: dict[_Spoken, list[int]] = {"text": [], "reasoning": []}
        self._speaking: _Spoken | None = None
        self._text = ""
        self._thought = ""
        self._calls: list[_Call] = []
        self._ids: set[str] = set()
        self._last: ChatMessage | None = None

    @property
    def is_calling(self) -> bool:
        """Whether a call has begun, be it that nothing of it could be given yet."""
        return bool(self._calls)

    @property
    def has_reason(self) -> bool:
        """Whether it was said why the answer ended: nothing of it is missing."""
        return self._about.raw is not None

    def read_completion(self, answer: CompletionResponse) -> tuple[Delta, ...]:
        """Give what is new in the answer to a prompt; as :meth:`read`."""
        check_no_restart(answer.additional_kwargs)
        self._about.note(answer)
        deltas: list[Delta] = []
        text = answer.text[len(self._text) :] if answer.delta is None else answer.delta
        self._add_text(text, deltas)
        return tuple(deltas)

    def read(self, answer: ChatResponse) -> tuple[Delta, ...]:
        """Give what is new: text, reasoning and calls as they grow.

        Raises:
            AttemptError: There is an error where the answer should go on, or it begins again.
        """
        check_no_restart(answer.additional_kwargs)
        self._about.note(answer)
        message = self._last = answer.message
        deltas: list[Delta] = []
        if thought := self._new_thought(answer):
            self._thought += thought
            deltas.append(ReasoningDelta(thought, self._speak("reasoning"), self._issuer))
        text = answer.delta
        self._add_text((message.content or "")[len(self._text) :] if text is None else text, deltas)
        self._add_calls(message, deltas)
        return tuple(deltas)

    def end(self) -> Chunk:
        """Give what is known at the end: signatures, citations, parts that come whole."""
        deltas: list[Delta] = []
        parts = parts_of(self._last, self._issuer) if self._last is not None else []
        self._end_texts([part for part in parts if isinstance(part, TextPart)], deltas)
        self._end_thoughts([part for part in parts if isinstance(part, ReasoningPart)], deltas)
        self._end_calls([part for part in parts if isinstance(part, ToolCallPart)], deltas)
        told = (TextPart, ReasoningPart, ToolCallPart)
        deltas.extend(
            [PartDelta(part, self._next()) for part in parts if not isinstance(part, told)]
        )
        about = self._about
        if about.refusal:
            deltas.append(RefusalDelta(about.refusal, self._next()))
        calls = any(not call.is_text for call in self._calls)
        return Chunk(
            deltas=tuple(deltas),
            finish_reason=None if about.raw is None else reason(about.raw, calls=calls),
            raw_finish_reason=about.raw,
            usage=usage_of(about.counts),
            model=about.model or None,
            id=about.id,
            logprobs=about.said_logprobs,
        )

    # -- text and reasoning ----------------------------------------------------------------------

    def _add_text(self, text: str, deltas: list[Delta]) -> None:
        if text:
            self._text += text
            deltas.append(TextDelta(text, self._speak("text")))

    def _new_thought(self, answer: ChatResponse) -> str:
        beside = answer.message.additional_kwargs
        for told in (answer.additional_kwargs, beside):
            if "thinking_delta" in told:
                return told["thinking_delta"] or ""
        so_far = "".join(
            [b.content or "" for b in answer.message.blocks if isinstance(b, ThinkingBlock)]
        )
        # one that does not go on from the last is another thought, told by itself
        return so_far.removeprefix(self._thought)

    def _speak(self, kind: _Spoken) -> int:
        """Give the index of the part that is being spoken, begun where the last is another's."""
        if self._speaking != kind:
            self._speaking = kind
            self._at[kind].append(self._next())
        return self._at[kind][-1]

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1

    def _end_texts(self, parts: list[TextPart], deltas: list[Delta]) -> None:
        begun = self._at["text"]
        if not begun and not any(call.is_text for call in self._calls):
            deltas.extend(
                [
                    TextDelta(
                        part.text, self._next(), part.citations, part.signature, issuer=part.issuer
                    )
                    for part in parts
                    if part.text
                ]
            )
            return
        for at, part in _paired(begun, parts):
            if part.citations or part.signature:
                deltas.append(TextDelta("", at, part.citations, part.signature, issuer=part.issuer))

    def _end_thoughts(self, parts: list[ReasoningPart], deltas: list[Delta]) -> None:
        begun = self._at["reasoning"]
        places = _paired(begun, parts) if begun else [(self._next(), part) for part in parts]
        for at, part in places:
            text = "" if begun else part.text
            if text or part.signature or part.item_id or part.raw:
                deltas.append(
                    ReasoningDelta(
                        text,
                        at,
                        part.issuer,
                        part.signature,
                        part.redacted,
                        part.item_id,
                        part.raw,
                    )
                )

    # -- calls -----------------------------------------------------------------------------------

    def _add_calls(self, message: ChatMessage, deltas: list[Delta]) -> None:
        told: list[_Call] = []
        for call_id, name, arguments in calls_in(message):
            call = self._same(call_id, len(told), told)
            if call is None:
                call = _Call(call_id)
                self._calls.append(call)
            told.append(call)
            call.arguments = arguments
            if call.index is None and name:
                self._begin(call, name, deltas)
            if call.index is not None and (more := call.growth()):
                deltas.append(_grown(call, more))

    def _same(self, call_id: str, at: int, told: list[_Call]) -> _Call | None:
        """Find the call that a piece tells of again: at its place, or by its id."""
        here = self._calls[at] if at < len(self._calls) else None
        if here is not None and here not in told and call_id in ("", here.said_id):
            return here
        return next((c for c in self._calls if c.said_id == call_id and c not in told), None)

    def _begin(self, call: _Call, name: str, deltas: list[Delta]) -> None:
        call.index = self._next()
        self._speaking = None
        if name == self._text_tool:
            call.is_text = True
            return
        call_id = distinct(call.said_id or f"call_{call.index}", self._ids)
        deltas.append(ToolCallDelta(call.index, call_id, name))

    def _end_calls(self, parts: list[ToolCallPart], deltas: list[Delta]) -> None:
        deltas.extend(
            [
                _grown(call, rest)
                for call in self._calls
                if call.index is not None and (rest := call.rest())
            ]
        )
        if len(parts) != len(self._calls):
            return
        for call, part in zip(self._calls, parts, strict=True):
            if call.index is not None and (part.signature or part.item_id):
                marks = (part.signature, part.item_id, part.issuer)
                deltas.append(ToolCallDelta(call.index, None, None, "", *marks))


class _Call:
    """A call as it is told, piece by piece."""

    __slots__ = ("_given", "arguments", "index", "is_text", "said_id")

    def __init__(self, said_id: str) -> None:
        self.said_id = said_id
        self.index: int | None = None
        self.is_text = False
        self.arguments: Any = None
        self._given = ""

    def growth(self) -> str:
        """Give what has come of the arguments; only text grows at its end."""
        said = self.arguments
        if not isinstance(said, str) or not said.startswith(self._given):
            return ""
        more, self._given = said[len(self._given) :], said
        return more

    def rest(self) -> str:
        """Give what has not been given of the arguments as they are in the end."""
        whole = arguments_json(self.arguments)
        if whole.startswith(self._given):
            return whole[len(self._given) :]
        return "" if _same_json(self._given, whole) else whole


def _grown(call: _Call, more: str) -> Delta:
    at = call.index or 0
    return TextDelta(more, at) if call.is_text else ToolCallDelta(at, None, None, more)


def _same_json(one: str, other: str) -> bool:
    try:
        return bool(orjson.loads(one) == orjson.loads(other))
    except orjson.JSONDecodeError:
        return False


def _paired(begun: list[int], parts: list[_Part]) -> list[tuple[int, _Part]]:
    """Lay parts upon those that were begun: one upon one, or all upon the last."""
    if len(begun) == len(parts):
        return list(zip(begun, parts, strict=True))
    return [(begun[-1], part) for part in parts] if begun else []
