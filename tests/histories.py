"""Conversations as vendors' models leave them behind, and as frameworks and users mangle them.

:func:`histories` draws any; every text said by anybody bears a mark of its own ("«t7»"), every tool
call one in its arguments, by which what became of it can be found in a body of any protocol.
"""

from __future__ import annotations

import base64
import itertools
import re
import string
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    Citation,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing.answer import seal

__all__ = ["History", "histories"]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
PDF = base64.b64encode(b"%PDF-1.4 a page").decode()
WAV = base64.b64encode(b"RIFF....WAVE").decode()
CSV = base64.b64encode(b"a,b\n1,2\n").decode()

WORDS = st.sampled_from(
    ["hi", "so?", "naïve 漢字 🙂", "a\nb", " padded ", "tail \n", "Error: x", '{"a": 1}']
)
BLANK = st.sampled_from(["", " ", "\n\t"])
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
LETTERS = string.ascii_letters + string.digits


def _letters(
    least: int, most: int | None = None, alphabet: str = LETTERS
) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most or least)


MARK = re.compile("«[a-z]\\d+»")

ISSUERS: dict[str, st.SearchStrategy[str]] = {
    "openai": _letters(24).map("call_{}".format),
    "anthropic": _letters(22).map("toolu_01{}".format),
    "gemini": st.one_of(_letters(8, 8, string.ascii_lowercase), _letters(22).map("{}-0".format)),
    "bedrock": _letters(22).map("tooluse_{}".format),
    "cohere": _letters(12, 12, string.ascii_lowercase).map("lookup_{}".format),
    "mistral": _letters(9),
    "deepseek": _letters(20).map("call_00_{}".format),
    "moonshot": st.integers(0, 9).map("functions.lookup:{}".format),
    "openrouter": _letters(24).map("toolu_{}".format),
    "xai": st.uuids().map("call-{}-0".format),
    "vllm": st.uuids().map("chatcmpl-tool-{}".format),
    "responses over langchain": _letters(24).map(
        "call_{}|fc_0123456789abcdef0123456789abcdef".format
    ),
}
"""Whose answers stand in a history, and how they spell the ids of tool calls."""

CALL_NAMES = st.sampled_from(["lookup", "lookup", "get_weather", "functions.lookup", "my tool", ""])


@dataclass
class History:
    """A conversation, and what is in it to be looked for.

    Attributes:
        messages: The turns.
        said: The marks of all that anybody said, and of all that tools returned.
        calls: The mark of each call to that of its result; of calls whose id occurs once only.
        ids: Whose ids those are, and what they are, by mark.
        settings: Further fields of the request.
    """

    messages: tuple[Message, ...] = ()
    said: list[str] = field(default_factory=list)
    calls: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def turns(self) -> dict[str, int]:
        """The turn in which user or assistant said each text, by mark."""
        return {
            mark: index
            for index, message in enumerate(self.messages)
            if message.role in ("user", "assistant")
            for part in message.parts
            if isinstance(part, TextPart | RefusalPart)
            for mark in MARK.findall(part.text)
        }

    def sealed(self, issuer: str) -> list[str]:
        """The signatures of one issuer that it must get back.

        Those are all but of reasoning that led to nothing, or that stands in the last answer where
        the conversation ends with one.
        """
        found: list[str] = []
        turns = list(self.messages)
        while turns and turns[-1].role == "assistant":
            turns.pop()
        for message in turns:
            last = max((place for place, p in enumerate(message.parts) if _says(p)), default=-1)
            for part in message.parts[: last + 1]:
                signature = getattr(part, "signature", None)
                if signature and part.issuer == issuer:
                    found.append(signature)
        return found


def _says(part: Part) -> bool:
    if isinstance(part, TextPart):
        return bool(part.text.strip() or part.signature)
    return not isinstance(part, CachePoint | ReasoningPart)


class _Writer:
    """Draws one history; the parts that are to be found again get their marks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.history = History()
        self._count = itertools.count()
        self._seals = itertools.count()

    def often(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) >= 100 - percent  # shrinks to seldom

    def mark(self, kind: str) -> str:
        return f"«{kind}{next(self._count)}»"

    def text(self, **more: Any) -> TextPart:
        if self.often(6):
            return TextPart(self.draw(BLANK), **more)
        mark = self.mark("t")
        self.history.said.append(mark)
        words = self.draw(WORDS)
        return TextPart(f"{mark} {words}" if self.often(50) else f"{words} {mark}", **more)

    # -- what users send --------------------------------------------------------------------

    def seal(self, issuer: str, text: str = "") -> str:
        protocol = "openai-responses" if issuer == "openai" else issuer
        return seal(protocol, text, f"{next(self._seals)}")

    def medium(self) -> Part:
        return self.draw(
            st.sampled_from(
                [
                    ImagePart(data=PNG, media_type="image/png"),
                    ImagePart(data=PNG),
                    ImagePart(url="https://example.com/cat.png", detail="low"),
                    ImagePart(url=f"data:image/png;base64,{PNG}"),
                    ImagePart(url="http://example.com/cat.png"),
                    ImagePart(url="gs://bucket/cat.png"),
                    ImagePart(file_id="file-abc123", issuer="openai"),
                    ImagePart(data="SUkqAAgAAAA=", media_type="image/tiff"),
                    FilePart(data=PDF, media_type="application/pdf", name="Q3 report (v2).pdf"),
                    FilePart(data=PDF, media_type="application/pdf"),
                    FilePart(url="https://example.com/paper.pdf", media_type="application/pdf"),
                    FilePart(data=CSV, media_type="text/csv", name="rows/2026.csv"),
                    FilePart(text="words of a file", name="notes.txt", citations=True),
                    FilePart(file_id="file_011", issuer="anthropic"),
                    FilePart(data="AAAA", media_type="video/mp4"),
                    FilePart(data="AAAA", media_type="application/zip"),
                    AudioPart(data=WAV, media_type="audio/wav"),
                    AudioPart(data=WAV, media_type="audio/wav", transcript="what was said"),
                ]
            )
        )

    def cache(self) -> list[Part]:
        return (
            [CachePoint(self.draw(st.sampled_from([None, "5m", "1h"])))] if self.often(12) else []
        )

    def user(self) -> Message:
        parts: list[Part] = []
        for _ in range(self.draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
            parts += [self.medium()] if self.often(15) else [self.text()]
            parts += self.cache()
        name = self.draw(st.sampled_from(["Ann <b> Lee", ""])) if self.often(6) else None
        return Message("user", tuple(parts), name)

    def system(self) -> Message:
        role = self.draw(st.sampled_from(["system", "developer"]))
        shown = (self.medium(),) if self.often(5) else ()
        return Message(role, (self.text(), *shown, *self.cache()))

    # -- what models answer -----------------------------------------------------------------

    def reasoning(self, issuer: str) -> list[Part]:
        text = self.draw(st.sampled_from(["hm", "I think\nso", ""]))
        item_id = f"rs_{next(self._seals)}"
        match issuer:
            case "anthropic" | "bedrock":
                if self.often(15):
                    return [ReasoningPart("", issuer, self.seal(issuer), redacted=True)]
                signature = self.seal(issuer, text) if self.often(90) else None
                return [ReasoningPart(text, issuer, signature)]
            case "openai":
                encrypted = self.seal(issuer, text) if self.often(85) else None
                raw = {"summary": [{"type": "summary_text", "text": text}] * 2, "content": []}
                known = {"raw": raw} if self.often(20) else {}
                return [ReasoningPart(text, issuer, encrypted, item_id=item_id, **known)]
            case "gemini":
                return [ReasoningPart(text or "hm", issuer)]
            case "cohere":
                plan = {"raw": {"type": "tool_plan"}} if self.often(50) else {}
                return [ReasoningPart(text, issuer, **plan)]
            case "openrouter":
                detail = {"type": "reasoning.text", "text": text, "signature": "x"}
                return [ReasoningPart(text, issuer, raw={"reasoning_details": [detail]})]
            case _:
                return [ReasoningPart(text, issuer if self.often(80) else None)]

    def opaque(self, issuer: str) -> list[Part]:
        match issuer:
            case "anthropic":
                call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
                found = {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [],
                }
                return [OpaquePart(issuer, {**call, "input": {}}), OpaquePart(issuer, found)]
            case "openai":
                return [OpaquePart(issuer, {"type": "web_search_call", "status": "completed"})]
            case "gemini":
                code = {"executableCode": {"language": "PYTHON", "code": "1"}}
                return [OpaquePart(issuer, code)]
            case _:
                return []

    def answer(self, issuer: str) -> tuple[Message, list[ToolCallPart]]:
        parts: list[Part] = []
        if self.often(45):
            parts += self.reasoning(issuer)
        if self.often(8):
            parts += self.opaque(issuer)
        calls = [self.call(issuer) for _ in range(self.draw(st.sampled_from([0, 0, 1, 1, 2, 3])))]
        if not calls or self.often(40):
            parts += self.words(issuer)
        if self.often(8):
            parts += self.reasoning(issuer)  # interleaved thinking
        if issuer == "gemini" and self.often(10):
            parts.append(ImagePart(data=PNG, media_type="image/png"))
        if issuer == "openai" and self.often(5):
            parts.append(AudioPart(file_id="audio_1", transcript="spoken", issuer="openai"))
        parts += calls
        if self.often(4):
            parts += self.words(issuer)  # text behind the calls
        parts += self.cache()
        return Message("assistant", tuple(parts)), calls

    def words(self, issuer: str) -> list[Part]:
        if self.often(8):
            mark = self.mark("t")
            self.history.said.append(mark)
            return [RefusalPart(f"{mark} I can't help with that.")]
        match issuer:
            case "openai" if self.often(50):
                phase = self.draw(st.sampled_from(["", "commentary/", "final_answer/"]))
                return [self.text(item_id=f"{phase}msg_{next(self._seals)}", issuer=issuer)]
            case "gemini" if self.often(40):
                return [self.text(signature=self.seal(issuer), issuer=issuer)]
            case "anthropic" | "cohere" | "perplexity" if self.often(30):
                raw = {"type": "web_search_result_location", "url": "https://example.com"}
                cited = Citation(url="https://example.com", raw=raw)
                return [self.text(citations=(cited,), issuer=issuer)]
            case _:
                return [self.text()]

    def call(self, issuer: str) -> ToolCallPart:
        mark = self.mark("c")
        self.history.calls[mark] = None
        call_id = self.draw(ISSUERS[issuer])
        self.history.ids[mark] = (issuer, call_id)
        if self.often(4):
            call_id = ""
        arguments = f'{{"q": "{mark}"}}' if self.often(96) else f'{{"q": "{mark}"'  # cut off
        more: dict[str, Any] = {}
        if issuer == "gemini" and self.often(70):
            more = {"signature": self.seal(issuer), "issuer": issuer}
        if issuer == "openai" and self.often(50):
            more = {"item_id": f"fc_{next(self._seals)}", "issuer": issuer}
        return ToolCallPart(call_id, self.draw(CALL_NAMES), arguments, **more)

    # -- what tools return ------------------------------------------------------------------

    def result(self, call: ToolCallPart) -> ToolResultPart:
        content: list[Part] = []
        if self.often(92):
            mark = self.mark("r")
            self.history.said.append(mark)
            content.append(TextPart(f"{mark} {self.draw(WORDS)}"))
            for of in MARK.findall(call.arguments):
                self.history.calls[of] = mark
        if self.often(12):
            content.append(self.medium())
        if self.often(5):
            content.append(TextPart(self.draw(BLANK)))
        content += self.cache()
        name = call.name if self.often(60) else None
        return ToolResultPart(call.id, tuple(content), name, is_error=self.often(12))

    def results(self, calls: list[ToolCallPart]) -> list[Message]:
        given = [self.result(call) for call in calls if self.often(93)]
        given = self.draw(st.permutations(given))
        if self.often(4) and given:
            given.append(replace(given[0]))  # delivered twice
        if self.often(50):
            return [Message("tool", (*given, *self.cache()))] if given else []
        turns = [Message("tool", (result,), name=result.name) for result in given]
        if turns and self.often(8):  # a word of the user's, or of the framework's, in between
            between = self.user() if self.often(60) else self.system()
            turns.insert(self.draw(st.integers(0, len(turns))), between)
        if self.often(4):  # as Anthropic's own form has it
            turns = [
                replace(turn, role="user", name=None) if turn.role == "tool" else turn
                for turn in turns
            ]
        return turns

    # -- the whole --------------------------------------------------------------------------

    def write(self) -> History:
        turns: list[Message] = []
        if self.often(40):
            turns.append(self.system())
        if self.often(6):
            orphan = ToolCallPart("call_forgotten", "lookup")
            turns.append(Message("tool", (self.result(orphan),)))
        issuers = self.draw(st.lists(st.sampled_from(sorted(ISSUERS)), min_size=1, max_size=4))
        for issuer in issuers:
            if self.often(92):
                turns.append(self.user())
            if self.often(10):
                turns.append(self.user())
            if self.often(5):
                turns.append(self.system())
            for _ in range(self.draw(st.integers(0, 3))):
                answer, calls = self.answer(issuer)
                turns.append(answer)
                turns += self.results(calls)
                if not calls and self.often(80):
                    break
        if self.often(60):
            turns.append(self.user())
        self.history.messages = tuple(turns)
        calls = [call for turn in turns for call in turn.tool_calls]
        ids = Counter(call.id for call in calls)
        for call in calls:
            (mark,) = MARK.findall(call.arguments)
            if ids[call.id] > 1 or not call.id:
                del self.history.calls[mark], self.history.ids[mark]
        self.history.settings = self.settings()
        return self.history

    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        if self.often(60):
            settings["tools"] = (Tool("lookup", "Looks up", SCHEMA, cache=self.often(30)),)
        if self.often(40):
            settings["reasoning_effort"] = self.draw(st.sampled_from(["none", "low", "high"]))
        if self.often(20):
            settings["max_tokens"] = 8000
        return settings


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history."""
    return _Writer(draw).write()
