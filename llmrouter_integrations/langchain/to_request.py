"""LangChain messages and call parameters -> :class:`~llmrouter_integrations.messages.Request`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.langchain.blocks import (
    ISSUERS,
    arguments_json,
    is_nobodys,
    parts_from,
    result_parts,
)
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.part_record import KEY, restore
from llmrouter_integrations.wire.inbound import request_from
from llmrouter_integrations.wire.inbound_messages import bad

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.messages import Part, Request, Role

__all__ = ["NATIVE", "messages_from", "to_request"]

NATIVE: Final = "langchain"
"""The key of :attr:`Request.native` under which the messages themselves travel."""

_Reader: TypeAlias = Callable[[BaseMessage, list[Message]], None]


def to_request(messages: Sequence[BaseMessage], params: Mapping[str, Any]) -> Request:
    """Write a request in no vendor's form.

    Args:
        messages: The conversation, oldest first.
        params: Parameters by their OpenAI names; see
            :func:`~llmrouter_integrations.wire.inbound.request_from`.

    Raises:
        InvalidRequestError: A message or a parameter makes no sense; says which, and the remedy.
    """
    if not params.keys().isdisjoint(_OTHER_NAMES):
        params = _renamed(params)
    return request_from(messages_from(messages), params, native={NATIVE: messages})


_OTHER_NAMES: Final = frozenset({"reasoning", "functions", "function_call", "extra_headers"})


def _renamed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put what ``ChatOpenAI`` has more than one name for under the name that is read."""
    said = {name: value for name, value in params.items() if name not in _OTHER_NAMES}
    other = {name: params[name] for name in _OTHER_NAMES if params.get(name) is not None}
    if "extra_headers" in other:
        raise bad("extra_headers", "is not for a single call", "set `headers` in the target")
    for name, (known, read) in _RENAMED.items():
        if name in other:
            if said.get(known) is not None:
                raise bad(name, "says the same as another parameter", f"give {known} only")
            said[known] = read(name, other[name])
    return said


def _effort(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping) or value.keys() != {"effort"}:
        raise bad(name, f"is {value!r:.80}", 'use {"effort": ...}; the rest goes into extra_body')
    return value["effort"]


def _functions(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise bad(name, f"must be a list, not {type(value).__name__}")
    return [{"type": "function", "function": function} for function in value]


def _choice(_: str, value: Any) -> Any:
    return value if isinstance(value, str) else {"type": "function", "function": value}


_RENAMED: Final[dict[str, tuple[str, Callable[[str, Any], Any]]]] = {
    "reasoning": ("reasoning_effort", _effort),
    "functions": ("tools", _functions),
    "function_call": ("tool_choice", _choice),
}


def messages_from(messages: Iterable[BaseMessage]) -> list[Message]:
    """Read a conversation; nothing a model could use of it is lost."""
    read: list[Message] = []
    for at, message in enumerate(messages):
        kind = type(message)
        if kind is HumanMessage and type(message.content) is str:
            # the shape of nearly all prompts, read without further ado
            read.append(Message("user", (TextPart(message.content),), message.name))
            continue
        reader = _READERS.get(kind) or _reader(message)
        try:
            reader(message, read)
        except InvalidRequestError as error:
            raise bad(f"messages[{at}] ({kind.__name__}):", str(error)) from None
    return read


def _reader(message: BaseMessage) -> _Reader:
    for kind, reader in _READERS.items():
        if isinstance(message, kind):
            return reader
    raise InvalidRequestError(f"a {type(message).__name__} is nothing a model can read", sent=False)


def _content(message: BaseMessage, issuer: str | None = None) -> list[Part]:
    content = message.content
    if isinstance(content, str):
        return [TextPart(content)] if content else []
    return parts_from(content, issuer)


def _said(message: BaseMessage) -> list[Part]:
    """Read what a person or an application says: of that, something must be left to be read."""
    parts = _content(message)
    unread = [part for part in parts if not isinstance(part, CachePoint)]
    if unread and all(map(is_nobodys, unread)):
        assert isinstance(unread[0], OpaquePart)  # noqa: S101  (narrows)
        raise bad(
            f"a content block of the type {unread[0].payload.get('type')!r}",
            "is nothing a model can read",
            "give text, or a block of LangChain's or of a vendor's own",
        )
    return parts


def _human(message: BaseMessage, read: list[Message]) -> None:
    parts = _said(message)
    # Anthropic's form keeps tool results in the user's turn, before what the user says
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    if results:
        read.append(Message("tool", tuple(results)))
        parts = [part for part in parts if not isinstance(part, ToolResultPart)]
        if not parts:
            return
    read.append(Message("user", tuple(parts), message.name))


def _system(message: BaseMessage, read: list[Message]) -> None:
    developer = message.additional_kwargs.get("__openai_role__") == "developer"
    role: Role = "developer" if developer else "system"
    read.append(Message(role, tuple(_said(message)), message.name))


def _result(message: BaseMessage) -> list[Part]:
    content = message.content
    return _content(message) if isinstance(content, str) else result_parts(content, None)


def _tool(message: BaseMessage, read: list[Message]) -> None:
    assert isinstance(message, ToolMessage)  # noqa: S101  (narrows: see _READERS)
    content = _result(message)
    points = [part for part in content if isinstance(part, CachePoint)]
    result = ToolResultPart(
        message.tool_call_id,
        tuple([part for part in content if not isinstance(part, CachePoint)]),
        name=message.name,
        is_error=message.status == "error",
    )
    read.append(Message("tool", (result, *points)))


def _function(message: BaseMessage, read: list[Message]) -> None:
    # the old form has no ids: a result belongs to the call before it
    call_id = next(
        (call.id for m in reversed(read) for call in m.tool_calls if call.name == message.name),
        f"function_{message.name}",
    )
    result = ToolResultPart(call_id, tuple(_result(message)), name=message.name)
    read.append(Message("tool", (result,)))


def _chat(message: BaseMessage, read: list[Message]) -> None:
    assert isinstance(message, ChatMessage)  # noqa: S101  (narrows: see _READERS)
    role = _ROLES.get(message.role)
    # a role that no model knows is somebody's name
    name = message.name if role else message.name or message.role
    read.append(Message(role or "user", tuple(_said(message)), name))


_ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "developer",
}


def _ai(message: BaseMessage, read: list[Message]) -> None:
    assert isinstance(message, AIMessage)  # noqa: S101  (narrows: see _READERS)
    provider = message.response_metadata.get("model_provider")
    parts = _content(message, ISSUERS.get(provider) if isinstance(provider, str) else None)
    besides = message.additional_kwargs
    if besides:
        parts = [*_besides_before(parts, besides), *parts, *_besides_after(parts, besides)]
    calls = _calls(message)
    if calls:
        # the list of calls has the last word on what a block says of the same call: it is what
        # people and middleware edit
        parts = [
            _as_listed(part, calls.pop(part.id, part)) if isinstance(part, ToolCallPart) else part
            for part in parts
        ]
        parts.extend(calls.values())
    if besides:
        entries = besides.get(KEY)
        if entries:
            parts = restore(entries, parts)
        elif "function_call" in besides and not any(isinstance(p, ToolCallPart) for p in parts):
            said = besides["function_call"]
            call_id = f"function_{said['name']}_{len(read)}"
            parts.append(ToolCallPart(call_id, said["name"], said.get("arguments") or "{}"))
    read.append(Message("assistant", tuple(parts), message.name))


def _as_listed(block: ToolCallPart, listed: ToolCallPart) -> ToolCallPart:
    """Give a call as the list says, with the marks that only its block bears."""
    if listed.issuer is not None or block.issuer is None:
        return listed
    marks = {name: getattr(block, name) for name in ("signature", "item_id", "issuer")}
    return replace(listed, **marks)


def _calls(message: AIMessage) -> dict[str, ToolCallPart]:
    calls: dict[str, ToolCallPart] = {}
    signatures = message.additional_kwargs.get(_GEMINI_SIGNATURES) or {}
    for call in (*message.tool_calls, *message.invalid_tool_calls):
        call_id = call["id"] or f"call_{len(calls)}"
        signature = signatures.get(call_id)
        calls[call_id] = ToolCallPart(
            call_id,
            call["name"] or "",
            arguments_json(call["args"]),
            signature=signature,
            issuer="gemini" if signature else None,
        )
    return calls


_GEMINI_SIGNATURES: Final = "__gemini_function_call_thought_signatures__"


def _besides_before(parts: list[Part], besides: Mapping[str, Any]) -> Iterable[Part]:
    """Reasoning that an integration keeps beside the content."""
    if any(isinstance(part, ReasoningPart) for part in parts):
        return
    if isinstance(said := besides.get("reasoning_content"), str) and said:
        yield ReasoningPart(said)
    elif isinstance(details := besides.get("reasoning_details"), list) and details:
        yield ReasoningPart(issuer="openrouter", raw={"reasoning_details": details})
    elif isinstance(item := besides.get("reasoning"), dict):
        yield from parts_from([{"type": "reasoning", **item}], "openai")


def _besides_after(parts: list[Part], besides: Mapping[str, Any]) -> Iterable[Part]:
    if isinstance(said := besides.get("refusal"), str) and not any(
        isinstance(part, RefusalPart) for part in parts
    ):
        yield RefusalPart(said)
    if isinstance(sound := besides.get("audio"), dict) and sound.get("id"):
        yield AudioPart(file_id=sound["id"], transcript=sound.get("transcript"), issuer="openai")


_READERS: Final[dict[type[BaseMessage], _Reader]] = {
    HumanMessage: _human,
    AIMessage: _ai,
    AIMessageChunk: _ai,
    SystemMessage: _system,
    ToolMessage: _tool,
    FunctionMessage: _function,
    ChatMessage: _chat,
}
