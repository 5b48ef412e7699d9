"""OpenAI chat completions, with the dialects of those who speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from llmrouter_integrations.testing.protocols.base import (
    Failure,
    Frame,
    HttpCall,
    Problem,
    SimProtocol,
    as_object,
    data_frame,
    joined_text,
)
from llmrouter_integrations.testing.protocols.openai_errors import openai_failure
from llmrouter_integrations.testing.script import SimRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.answer import Answer

__all__ = ["OpenAIChat", "openai_headers"]

_MEDIA = {"image_url": "image", "input_audio": "audio", "file": "document"}
_DONE = Frame(b"data: [DONE]\n\n")


class _Dialect(NamedTuple):
    """How one provider's answers differ.

    Attributes:
        reasoning: The field that shows reasoning, or how else it is shown.
        usage: Whether streamed usage must be asked for or comes with the last chunk.
        no_text: What stands for the text of an answer of tool calls only.
        whole_calls: Whether a tool call is streamed in one piece.
    """

    reasoning: Literal["hidden", "reasoning", "reasoning_content", "details", "parts"]
    usage: Literal["asked", "last"] = "asked"
    no_text: str | None = None
    whole_calls: bool = False


_DIALECTS = {
    "openai": _Dialect("hidden"),
    "azure": _Dialect("hidden"),
    "deepseek": _Dialect("reasoning_content", "last", ""),
    "groq": _Dialect("reasoning", whole_calls=True),
    "cerebras": _Dialect("reasoning"),
    "together": _Dialect("reasoning"),
    "ollama": _Dialect("reasoning", no_text="", whole_calls=True),
    "openrouter": _Dialect("details", "last"),
    "mistral": _Dialect("parts", "last", "", whole_calls=True),
    "perplexity": _Dialect("hidden", "last"),
    "xai": _Dialect("reasoning_content", "last"),
}
_ANY = _Dialect("reasoning_content")
_REFUSING = ("openai", "azure")
"""Who has fields for refusals and annotations."""
_WITH_LOGPROBS = ("openai", "azure", "deepseek", "groq", "openrouter")
"""Who sends ``"logprobs": null`` where none were asked for."""


class OpenAIChat(SimProtocol):
    """``POST .../chat/completions``."""

    name = "openai-chat"
    id_style = ("call_", 24)

    def id_style_of(self, provider: str) -> tuple[str, int]:
        """Give the style of tool-call ids; Mistral's have nine characters and no prefix."""
        return ("", 9) if provider == "mistral" else self.id_style

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a chat completions request."""
        body = call.body
        messages, called, media = _read_messages(body["messages"])
        functions = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
        wanted = as_object(body.get("response_format"))
        stop = body.get("stop") or ()
        return SimRequest(
            provider=call.provider,
            protocol=self.name,
            model=body.get("model") or call.route.groupdict().get("model") or "",
            stream=bool(body.get("stream")),
            messages=messages,
            body=body,
            headers=call.headers,
            path=call.path,
            at_s=call.at_s,
            tools=tuple(function["name"] for function in functions),
            tool_choice=_tool_choice(body.get("tool_choice")),
            schema=as_object(wanted.get("json_schema")).get("schema"),
            tool_schemas={f["name"]: f.get("parameters") or {} for f in functions},
            tool_descriptions={f["name"]: f.get("description") or "" for f in functions},
            called=called,
            parallel=body.get("parallel_tool_calls") is not False,
            json_mode=wanted.get("type") == "json_object",
            reasoning=body.get("reasoning_effort") not in (None, "none")
            or bool(body.get("reasoning"))
            or as_object(body.get("thinking")).get("type") == "enabled",
            logprobs=bool(body.get("logprobs")),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            media=media,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a ``chat.completion``."""
        provider = answer.request.provider
        dialect = _DIALECTS.get(provider, _ANY)
        choice = {
            "index": 0,
            "message": _message(answer, dialect),
            **_logprobs(answer, answer.pieces),
            "finish_reason": answer.finish,
        }
        body = {
            **_head(answer, "chat.completion"),
            "choices": [choice],
            "usage": _usage(answer),
            **_sources(answer),
        }
        if provider == "openrouter":
            choice["native_finish_reason"] = answer.finish
        if provider == "groq":
            body["x_groq"] = {"id": f"req_{answer.token('groq', 26).lower()}"}
        return body

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write ``chat.completion.chunk`` events."""
        provider = answer.request.provider
        dialect = _DIALECTS.get(provider, _ANY)
        head = _head(answer, "chat.completion.chunk")
        options = as_object(answer.request.body.get("stream_options"))
        asked = dialect.usage == "asked" and bool(options.get("include_usage"))
        if asked and provider in _REFUSING:
            head["usage"] = None

        def chunk(delta: dict[str, Any], *, content: bool = False, pieces: Any = ()) -> Frame:
            choice = {
                "index": 0,
                "delta": delta,
                **_logprobs(answer, pieces),
                "finish_reason": None,
            }
            return Frame(data_frame({**head, "choices": [choice]}), content)

        yield chunk({"role": "assistant", "content": dialect.no_text if answer.calls else ""})
        for piece in answer.reasoning_pieces:
            if delta := _reasoning_delta(dialect, piece):
                yield chunk(delta, content=True)
        refused = answer.reply.refusal and provider in _REFUSING
        key = "refusal" if refused else "content"
        for piece in answer.pieces:
            yield chunk({key: piece}, content=True, pieces=[piece])
        for index, call in enumerate(answer.calls):
            start = {"index": index, "id": call.id, "type": "function"}
            if dialect.whole_calls:
                function = _function(call.name, call.arguments)
                yield chunk({"tool_calls": [{**start, "function": function}]}, content=True)
                continue
            yield chunk({"tool_calls": [{**start, "function": _function(call.name, "")}]})
            for piece in call.pieces:
                delta = {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                yield chunk(delta, content=True)
        yield Frame(data_frame(_last(answer, dialect, head)))
        if asked:
            usage = {**head, "choices": [], "usage": _usage(answer)}
            yield Frame(data_frame(usage))
        yield _DONE

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error."""
        return openai_failure(request, problem)

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an error inside a stream; Groq names the event and adds the status."""
        failure = self.failure(request, problem)
        if request.provider != "groq":
            return data_frame(failure.body)
        error = {**failure.body["error"], "failed_generation": "", "status_code": failure.status}
        return b"event: error\n" + data_frame({"error": error})

    def headers(self, answer: Answer) -> dict[str, str]:
        """Give OpenAI's request id and rate limits."""
        return openai_headers(answer)


def openai_headers(answer: Answer) -> dict[str, str]:
    """Give the headers of OpenAI's good answers."""
    return {
        "openai-processing-ms": "42",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "1999994",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "0s",
        "x-request-id": f"req_{answer.token('request', 32).lower()}",
    }


def _read_messages(
    raw: list[dict[str, Any]],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    for message in raw:
        role = "system" if message["role"] == "developer" else message["role"]
        content = message.get("content") or ""
        parts = [] if isinstance(content, str) else content
        messages.append((role, joined_text(content)))
        if role == "user":
            called.clear()
            media = [_MEDIA[part["type"]] for part in parts if part.get("type") in _MEDIA]
        called += [call["function"]["name"] for call in message.get("tool_calls") or ()]
    return tuple(messages), tuple(called), tuple(media)


def _tool_choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return str(as_object(choice.get("function")).get("name") or choice.get("type"))
    return "required" if choice == "any" else choice or "auto"


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    provider = answer.request.provider
    head: dict[str, Any] = {
        "id": f"chatcmpl-{answer.token('chat', 29)}",
        "object": kind,
        "created": answer.created,
        "model": answer.request.model,
    }
    if provider == "openai":
        head["service_tier"] = "default"
    if provider == "openrouter":
        head["provider"] = "Simulator"
    unnamed = provider == "openrouter" and kind.endswith("chunk")
    if provider not in ("mistral", "perplexity") and not unnamed:
        head["system_fingerprint"] = "fp_simulator"
    return head


def _message(answer: Answer, dialect: _Dialect) -> dict[str, Any]:
    reply = answer.reply
    text: Any = reply.text or (dialect.no_text if answer.calls or reply.refusal else "")
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if answer.request.provider in _REFUSING:
        message |= {"refusal": reply.refusal or None, "annotations": []}
    elif reply.refusal:
        message["content"] = reply.refusal
    if reply.reasoning:
        delta = _reasoning_delta(dialect, reply.reasoning)
        if dialect.reasoning == "parts":
            delta["content"] += [{"type": "text", "text": text}] if text else []
        message |= delta
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": _function(call.name, call.arguments)}
            for call in answer.calls
        ]
    if reply.citations and answer.request.provider == "openai":
        message["annotations"] = [
            {
                "type": "url_citation",
                "url_citation": {
                    "end_index": len(reply.text),
                    "start_index": 0,
                    "title": citation.title,
                    "url": citation.url,
                },
            }
            for citation in reply.citations
        ]
    return message


def _function(name: str, arguments: str) -> dict[str, str]:
    return {"name": name, "arguments": arguments}


def _reasoning_delta(dialect: _Dialect, text: str) -> dict[str, Any]:
    match dialect.reasoning:
        case "hidden":
            return {}
        case "details":
            detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
            return {"reasoning": text, "reasoning_details": [detail]}
        case "parts":
            thought = {"type": "text", "text": text}
            return {"content": [{"type": "thinking", "thinking": [thought], "closed": True}]}
        case field:
            return {field: text}


def _last(answer: Answer, dialect: _Dialect, head: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": {}, **_logprobs(answer, []), "finish_reason": answer.finish}
    last = {**head, "choices": [choice], **_sources(answer)}
    if answer.request.provider == "openrouter":
        choice["native_finish_reason"] = answer.finish
    if answer.request.provider == "groq":
        groq_id = f"req_{answer.token('groq', 26).lower()}"
        last["x_groq"] = {"id": groq_id, "usage": _usage(answer)}
    if dialect.usage == "last":
        last["usage"] = _usage(answer)
    return last


def _usage(answer: Answer) -> dict[str, Any]:
    tokens, provider = answer.tokens, answer.request.provider
    usage: dict[str, Any] = {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.total,
    }
    if provider in ("ollama", "perplexity"):
        return usage
    if provider == "groq":
        times = dict.fromkeys(("queue_time", "prompt_time", "completion_time", "total_time"), 0.01)
        return {
            **usage,
            **times,
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
        }
    prompt = {"cached_tokens": tokens.cached}
    if tokens.cache_write and provider in ("openai", "openrouter"):
        prompt["cache_write_tokens"] = tokens.cache_write
    usage["prompt_tokens_details"] = prompt
    if provider == "mistral":
        return usage
    usage["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning}
    if provider in ("openai", "azure"):
        prompt["audio_tokens"] = 0
        usage["completion_tokens_details"] |= {
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    if provider == "deepseek":
        usage["prompt_cache_hit_tokens"] = tokens.cached
        usage["prompt_cache_miss_tokens"] = tokens.input - tokens.cached
    if provider == "openrouter":
        usage |= {"cost": 0.0, "is_byok": False}
    return usage


def _sources(answer: Answer) -> dict[str, Any]:
    if answer.request.provider != "perplexity":
        return {}
    found = [
        {"title": citation.title, "url": citation.url, "date": None}
        for citation in answer.reply.citations
    ]
    return {"citations": [source["url"] for source in found], "search_results": found}


def _logprobs(answer: Answer, pieces: list[str]) -> dict[str, Any]:
    if answer.reply.logprobs:
        tokens = [
            {"token": piece, "logprob": -0.25, "bytes": list(piece.encode()), "top_logprobs": []}
            for piece in pieces
        ]
        return {"logprobs": {"content": tokens, "refusal": None}}
    return {"logprobs": None} if answer.request.provider in _WITH_LOGPROBS else {}
