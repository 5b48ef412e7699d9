"""What another LlamaIndex LLM answered -> :class:`Response`.

An LLM's answer holds its vendor's own in ``raw``: there stand the usage, the id and why it ended,
and, where an SDK does not raise it, an error.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import MessageRole
from pydantic import BaseModel

from llmrouter_integrations.llama_index.blocks import parts_from
from llmrouter_integrations.llama_index.to_request import messages_from
from llmrouter_integrations.messages import (
    Message,
    ReasoningPart,
    RefusalPart,
    Response,
    TextPart,
    ToolCallPart,
)
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wrapping.reasons import REASON_KEYS, raw_reason, reason
from llmrouter_integrations.wrapping.usage import counts_in, said, usage_of

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse

    from llmrouter_integrations.messages import Part
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["SIGNATURES", "About", "distinct", "parts_of", "read_answer", "read_completion"]

SIGNATURES: Final = "thought_signatures"
"""Where in ``additional_kwargs`` LlamaIndex's GoogleGenAI keeps its vendor's signature of each
block, as bytes."""


def read_answer(
    answer: ChatResponse, endpoint: Endpoint, issuer: str, *, text_tool: str | None = None
) -> Response:
    """Read a whole answer; ``finish_reason`` is "unknown" where the LLM did not tell.

    Args:
        answer: The answer.
        endpoint: Whose it is.
        issuer: Who can read back its reasoning and signatures.
        text_tool: The tool by whose call the LLM was made to give its answer a form: a call of it
            is read as text.

    Raises:
        AttemptError: There is an error where the answer should be.
    """
    about = About(endpoint)
    about.note(answer)
    parts = [
        TextPart(part.arguments)
        if isinstance(part, ToolCallPart) and part.name == text_tool
        else part
        for part in parts_of(answer.message, issuer)
    ]
    if about.refusal and not any(isinstance(part, RefusalPart) for part in parts):
        parts.append(RefusalPart(about.refusal))
    return about.response(tuple(parts))


def read_completion(answer: CompletionResponse, endpoint: Endpoint) -> Response:
    """Read the answer to a prompt; as :func:`read_answer`."""
    about = About(endpoint)
    about.note(answer)
    return about.response((TextPart(answer.text),) if answer.text else ())


def parts_of(message: ChatMessage, issuer: str) -> list[Part]:
    """Read the parts of an LLM's answer: each call with an id of its own, all reasoning its."""
    signatures = message.additional_kwargs.get(SIGNATURES)
    if signatures:
        read: list[Part] = []
        for at, block in enumerate(message.blocks):
            parts = parts_from([block])
            if at < len(signatures) and signatures[at] and parts:
                parts[-1] = _signed(parts[-1], signatures[at], issuer)
            read.extend(parts)
    else:
        as_ours = message.model_copy(update={"role": MessageRole.ASSISTANT})
        read = [*messages_from([as_ours])[0].parts]
    ids: set[str] = set()
    for at, part in enumerate(read):
        if isinstance(part, ReasoningPart):
            read[at] = replace(part, issuer=issuer, signature=part.signature or None)
        elif isinstance(part, ToolCallPart):
            call_id = distinct(part.id, ids)
            read[at] = part if call_id == part.id else replace(part, id=call_id)
    return read


def distinct(call_id: str, taken: set[str]) -> str:
    """Give a call an id that none before it has: some use the function's name for one."""
    found, others = call_id, 1
    while found in taken:
        others += 1
        found = f"{call_id}_{others}"
    taken.add(found)
    return found


def _signed(part: Part, signature: bytes | str, issuer: str) -> Part:
    if not isinstance(part, TextPart | ReasoningPart | ToolCallPart):
        return part
    text = signature if isinstance(signature, str) else b64encode(signature).decode()
    return replace(part, signature=text, issuer=issuer)


class About:
    """What is said of an answer, once or in each of its pieces.

    Args:
        endpoint: Whose it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.counts: dict[str, int] = {}
        self.raw: str | None = None
        self.model = ""
        self.id: str | None = None
        self.refusal = ""
        self.logprobs: list[Any] = []
        self._endpoint = endpoint

    def note(self, answer: ChatResponse | CompletionResponse) -> None:
        """Take note of what an answer, or a piece of it, says of the whole.

        Raises:
            AttemptError: It says that there is none.
        """
        raw: Any = answer.raw
        if (error := _error_in(raw)) is not None:
            raise classify_payload(error, self._endpoint)
        of = _answer_in(raw)
        message = getattr(answer, "message", None)
        beside = message.additional_kwargs if message is not None else {}
        for usage in (
            said(of, "usage"),
            said(raw, "usage_metadata"),
            said(raw, "message.usage"),
            beside.get("usage"),
            answer.additional_kwargs.get("usage"),
            answer.additional_kwargs,
            raw,
        ):
            for name, count in counts_in(usage).items():
                self.counts[name] = max(count, self.counts.get(name, 0))
        choice = _choice(of)
        self.raw = _why(raw, choice) or raw_reason(beside) or self.raw
        model = said(of, "model") or said(of, "model_version")
        self.model = model if isinstance(model, str) else self.model
        name = said(of, "id")
        self.id = name if isinstance(name, str) else self.id
        self._note_refusal(answer, choice)
        self.logprobs.extend(_logprobs(choice, answer))

    def _note_refusal(self, answer: ChatResponse | CompletionResponse, choice: Any) -> None:
        whole = (
            answer.additional_kwargs.get("refusal"),
            said(choice, "message.refusal"),
            said(answer.raw, "refusal"),  # an event of OpenAI's Responses
        )
        self.refusal = next((text for text in whole if isinstance(text, str)), self.refusal)
        more = said(choice, "delta.refusal")
        self.refusal += more if isinstance(more, str) else ""

    def response(self, parts: tuple[Part, ...]) -> Response:
        """Make the answer of its parts and of what was said of it."""
        return Response(
            message=Message("assistant", parts, id=self.id),
            finish_reason=reason(self.raw, calls=any(isinstance(p, ToolCallPart) for p in parts)),
            usage=usage_of(self.counts),
            model=self.model,
            id=self.id,
            raw_finish_reason=self.raw,
            logprobs=self.said_logprobs,
        )

    @property
    def said_logprobs(self) -> dict[str, Any] | None:
        """The log probabilities in OpenAI's form, where there are any."""
        return {"content": self.logprobs} if self.logprobs else None


def _error_in(raw: Any) -> dict[str, Any] | None:
    """Find the error that a vendor's answer is, or an event of a stream."""
    error = said(raw, "error") or said(raw, "response.error")
    if error is None and said(raw, "type") == "error":
        error = raw
    if isinstance(error, BaseModel):
        error = error.model_dump()
    return error if isinstance(error, dict) and error else None


def _answer_in(raw: Any) -> Any:
    """Give what of an event is the answer: OpenAI's Responses and Mistral's SDK wrap it."""
    for name, mark in (("response", "status"), ("data", "choices")):
        if said(of := said(raw, name), mark) is not None:
            return of
    return raw


def _choice(of: Any) -> Any:
    for within in ("choices", "candidates"):
        listed = said(of, within)
        if isinstance(listed, list) and listed:
            return listed[0]
    return of


_UNDER_WAY: Final = frozenset(("in_progress", "queued"))
"""What a status says of an answer that has not ended."""


def _why(raw: Any, choice: Any) -> str | None:
    for holder in (choice, said(raw, "delta"), said(raw, "messageStop")):
        if holder is None:
            continue
        told = raw_reason({key: said(holder, key) for key in (*REASON_KEYS, "incomplete_details")})
        if told is not None and told not in _UNDER_WAY:
            return told
    # of Bedrock's stream LlamaIndex hands on only what comes behind the reason
    return "complete" if said(raw, "metadata.usage") is not None else None


def _logprobs(choice: Any, answer: ChatResponse | CompletionResponse) -> list[Any]:
    content = said(choice, "logprobs.content")
    if isinstance(content, list):
        return [token.model_dump() if isinstance(token, BaseModel) else token for token in content]
    if not isinstance(answer.logprobs, list):
        return []
    read: list[Any] = []
    for alternatives in answer.logprobs:
        if not isinstance(alternatives, list) or not alternatives:
            continue
        tokens = [{"token": t.token, "logprob": t.logprob, "bytes": t.bytes} for t in alternatives]
        read.append({**tokens[0], "top_logprobs": tokens})
    return read
