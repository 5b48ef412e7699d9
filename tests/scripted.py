"""A router that answers from a script, and what it needs to look like one."""

from __future__ import annotations

from dataclasses import replace

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.hints import EMPTY
from llmrouter_integrations.messages import (
    Attempt,
    Chunk,
    Message,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    Response,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.routing.target import Target


def answer(*parts, **fields):
    """A response with everything a router would put into it."""
    given = {
        "usage": Usage(input_tokens=5, output_tokens=3),
        "model": "tiny-1",
        "provider": "acme",
        "target": "acme/tiny-1",
        "id": "answer-1",
        "cost_usd": 0.0002,
        "attempts": (Attempt("acme/tiny-1", "acme", "tiny-1", "ok", duration_s=0.01),),
    }
    return Response(Message("assistant", parts), **(given | fields))


def _pieces(text, size):
    return [text[i : i + size] for i in range(0, len(text), size)] or [""]


def chunks_of(response, size=4):
    """The same answer as a stream: marks with the first piece, signatures with the last."""
    yield Chunk(id=response.id, model=response.model)
    for index, part in enumerate(response.message.parts):
        if isinstance(part, ToolCallPart):
            marks = {"signature": part.signature, "item_id": part.item_id, "issuer": part.issuer}
            yield Chunk((ToolCallDelta(index, part.id, part.name, "", **marks),))
            for piece in _pieces(part.arguments, size):
                yield Chunk((ToolCallDelta(index, arguments=piece),))
        elif isinstance(part, TextPart):
            *first, last = _pieces(part.text, size)
            for piece in first:
                yield Chunk((TextDelta(piece, index),))
            marks = (part.citations, part.signature, part.item_id, part.issuer)
            yield Chunk((TextDelta(last, index, *marks),))
        elif isinstance(part, ReasoningPart):
            *first, last = _pieces(part.text, size)
            for piece in first:
                yield Chunk((ReasoningDelta(piece, index, part.issuer),))
            marks = (part.issuer, part.signature, part.redacted, part.item_id, part.raw)
            yield Chunk((ReasoningDelta(last, index, *marks),))
        elif isinstance(part, RefusalPart):
            for piece in _pieces(part.text, size):
                yield Chunk((RefusalDelta(piece, index),))
        else:
            yield Chunk((PartDelta(part, index),))
    yield Chunk(finish_reason=response.finish_reason, usage=response.usage)
    yield Chunk(response=response)


class ScriptedRouter:
    """Answers in order, the last one again and again; keeps what it was asked."""

    def __init__(self, *answers, targets=None):
        self.answers = list(answers) or [answer(TextPart("Hello!"))]
        self.calls = []
        self.config = RouterConfig()
        self.targets = targets or (make_target("acme/tiny-1"),)
        self.closed = 0

    @property
    def request(self):
        return self.calls[-1][0]

    @property
    def hints(self):
        return self.calls[-1][1]

    def _next(self, request, hints):
        self.calls.append((request, hints))
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        given = given(request, hints) if callable(given) else given
        if isinstance(given, Exception):
            raise given
        return given

    def run(self, request, hints=EMPTY):
        return self._next(request, hints)

    async def arun(self, request, hints=EMPTY):
        return self._next(request, hints)

    def run_stream(self, request, hints=EMPTY):
        try:
            yield from chunks_of(self._next(request, hints))
        finally:
            self.closed += 1

    async def arun_stream(self, request, hints=EMPTY):
        try:
            for chunk in chunks_of(self._next(request, hints)):
                yield chunk
        finally:
            self.closed += 1


def make_target(name, **fields):
    provider, _, model = name.partition("/")
    return replace(
        Target(
            name=name,
            provider=provider,
            model=model,
            quota_group=provider,
            outlooks={},
            spellings=frozenset({name, model}),
            provider_names=frozenset({provider}),
            abilities=Abilities(),
        ),
        **fields,
    )


def folded(response):
    """What the chunks of a response fold into."""
    builder = ResponseBuilder()
    for chunk in chunks_of(response):
        builder.add(chunk)
    return builder.response()
