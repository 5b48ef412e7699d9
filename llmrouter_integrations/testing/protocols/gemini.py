"""Gemini generateContent, with an API key and through Vertex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from llmrouter_integrations.testing.protocols.base import (
    Failure,
    Frame,
    HttpCall,
    Problem,
    SimProtocol,
    as_object,
)
from llmrouter_integrations.testing.script import SimRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.answer import Answer

__all__ = ["Gemini"]

_TYPE = "type.googleapis.com/google.rpc."
_FINISH = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
_CALLED = "Model generated function call(s)."
_CHOICE = {"ANY": "required", "NONE": "none"}
_ANSWER_KEYS = ("result", "output", "content", "error")


class _Row(NamedTuple):
    status: int
    code: str
    message: str


_ROWS = {
    "bad_request": _Row(400, "INVALID_ARGUMENT", "Please use a valid role: user, model."),
    "context_overflow": _Row(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200025) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "unsupported_parameter": _Row(
        400,
        "INVALID_ARGUMENT",
        'Invalid JSON payload received. Unknown name "{parameter}": Cannot find field.',
    ),
    "bad_key": _Row(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "forbidden": _Row(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "model_gone": _Row(
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for "
        "generateContent. Call ListModels to see the list of available models and their supported "
        "methods.",
    ),
    "timeout": _Row(408, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "conflict": _Row(409, "ABORTED", "The operation was aborted."),
    "too_large": _Row(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    "unprocessable": _Row(422, "INVALID_ARGUMENT", "The request could not be processed."),
    "rate_requests": _Row(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
    ),
    "server_error": _Row(
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    "unavailable": _Row(503, "UNAVAILABLE", "The service is currently unavailable."),
    "overloaded": _Row(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}
for _kind in ("rate_tokens", "daily_quota", "billing"):
    _ROWS[_kind] = _ROWS["rate_requests"]
_QUOTAS = {
    "rate_requests": "GenerateRequestsPerMinutePerProjectPerModel",
    "rate_tokens": "GenerateContentPaidTierInputTokensPerModelPerMinute",
    "daily_quota": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    "billing": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
}
_VERTEX_ROWS = {
    "bad_key": _Row(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential.",
    ),
    "model_gone": _Row(404, "NOT_FOUND", "Publisher Model `{model}` not found."),
    "rate_requests": _Row(
        429,
        "RESOURCE_EXHAUSTED",
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    ),
}


class Gemini(SimProtocol):
    """``POST .../models/MODEL:generateContent`` and ``:streamGenerateContent?alt=sse``."""

    name = "gemini"
    id_style = ("", 8)
    stream_type = "text/event-stream"

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a generateContent request."""
        body = call.body
        messages, called, media = _read_contents(body)
        functions = [
            function
            for tool in body.get("tools") or ()
            for function in tool.get("functionDeclarations") or ()
        ]
        calling = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
        allowed = calling.get("allowedFunctionNames") or []
        config = as_object(body.get("generationConfig"))
        thinking = as_object(config.get("thinkingConfig"))
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        return SimRequest(
            provider=call.provider,
            protocol=self.name,
            model=call.route["model"],
            stream=call.route["method"].startswith("stream"),
            messages=messages,
            body=body,
            headers=call.headers,
            path=call.path,
            at_s=call.at_s,
            tools=tuple(function["name"] for function in functions),
            tool_choice=allowed[0]
            if len(allowed) == 1 and calling.get("mode") == "ANY"
            else _CHOICE.get(calling.get("mode", "AUTO"), "auto"),
            schema=schema,
            tool_schemas={
                f["name"]: f.get("parametersJsonSchema") or f.get("parameters") or {}
                for f in functions
            },
            tool_descriptions={f["name"]: f.get("description") or "" for f in functions},
            called=called,
            json_mode=schema is None and config.get("responseMimeType") == "application/json",
            reasoning=bool(
                thinking.get("includeThoughts")
                or thinking.get("thinkingBudget")
                or thinking.get("thinkingLevel")
            ),
            logprobs=bool(config.get("responseLogprobs")),
            max_tokens=config.get("maxOutputTokens"),
            stop=tuple(config.get("stopSequences") or ()),
            media=media,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a GenerateContentResponse."""
        return _response(answer, _parts(answer), ended=True)

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write the pieces of a GenerateContentResponse."""
        parts: list[dict[str, Any]] = [
            {"text": piece, "thought": True} for piece in answer.reasoning_pieces
        ]
        parts += [{"text": piece} for piece in answer.pieces]
        calls = [part for part in _parts(answer) if "functionCall" in part]
        if calls:
            for part in parts:
                yield _frame(_response(answer, [part], ended=False))
            yield _frame(_response(answer, calls, ended=True))
        else:
            if answer.text and answer.tokens.reasoning:
                parts[-1]["thoughtSignature"] = answer.signature
            for part in parts[:-1]:
                yield _frame(_response(answer, [part], ended=False))
            yield _frame(_response(answer, parts[-1:], ended=True))

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error; a prompt is refused by status 200 and a block reason."""
        if problem.kind == "content_filter":
            body = {
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
                "modelVersion": request.model,
                "responseId": "Sim",
            }
            return Failure(problem.status or 200, body, {})
        vertex = _on_vertex(request)
        row = (_VERTEX_ROWS.get(problem.kind) if vertex else None) or _ROWS[problem.kind]
        message = problem.message
        if message is None:
            message = row.message.format(model=request.model, parameter=problem.parameter)
            if problem.retry_after_s is not None and not vertex:
                message += f"\nPlease retry in {problem.retry_after_s:g}s."
        status = problem.status or row.status
        error: dict[str, Any] = {"code": status, "message": message, "status": row.code}
        if details := _details(problem, message) if not vertex else []:
            error["details"] = details
        return Failure(status, {"error": error}, {})

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an error as one more event."""
        return b"data: " + orjson.dumps(self.failure(request, problem).body) + b"\r\n\r\n"

    def headers(self, answer: Answer) -> dict[str, str]:  # noqa: ARG002  (others need it)
        """Give the header that Google sends; it has no request id."""
        return {"server-timing": "gfet4t7; dur=42"}


def _frame(body: dict[str, Any]) -> Frame:
    content = bool(body["candidates"][0].get("content", {}).get("parts"))
    return Frame(b"data: " + orjson.dumps(body) + b"\r\n\r\n", content)


def _read_contents(
    body: dict[str, Any],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    if system := body.get("systemInstruction"):
        messages.append(("system", "".join(part.get("text") or "" for part in system["parts"])))
    for content in body["contents"]:
        parts = content.get("parts") or []
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        messages += [("tool", _result_text(result.get("response"))) for result in results]
        said = [part for part in parts if "functionResponse" not in part]
        if said or not parts:
            role = "assistant" if content.get("role") == "model" else "user"
            shown = (part.get("text") or "" for part in said if not part.get("thought"))
            messages.append((role, "".join(shown)))
            if role == "user":
                called.clear()
                media = [kind for part in said if (kind := _media(part))]
        called += [part["functionCall"]["name"] for part in said if "functionCall" in part]
    return tuple(messages), tuple(called), tuple(media)


def _result_text(response: Any) -> str:
    if isinstance(response, dict) and len(response) == 1:
        key, value = next(iter(response.items()))
        if key in _ANSWER_KEYS and isinstance(value, str):
            return value
    return orjson.dumps(response).decode()


def _media(part: dict[str, Any]) -> str | None:
    data = as_object(part.get("inlineData") or part.get("fileData"))
    family = str(data.get("mimeType", "")).partition("/")[0]
    return {"image": "image", "audio": "audio", "": None}.get(family, "document")


def _on_vertex(request: SimRequest) -> bool:
    return "/publishers/" in request.path


def _parts(answer: Answer) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if answer.reply.reasoning:
        parts.append({"text": answer.reply.reasoning, "thought": True})
    if answer.text:
        parts.append({"text": answer.text})
    for index, call in enumerate(answer.calls):
        arguments = call.value
        if not isinstance(arguments, dict):
            continue
        function = {"name": call.name, "args": arguments}
        if "gemini-3" in answer.request.model:
            function["id"] = call.id.lower()
        part: dict[str, Any] = {"functionCall": function}
        if index == 0:
            part["thoughtSignature"] = answer.signature
        parts.append(part)
    if parts and answer.tokens.reasoning and not answer.calls and "thought" not in parts[-1]:
        parts[-1]["thoughtSignature"] = answer.signature
    return parts


def _response(answer: Answer, parts: list[dict[str, Any]], *, ended: bool) -> dict[str, Any]:
    vertex = _on_vertex(answer.request)
    content: dict[str, Any] = {"role": "model"}
    if parts:
        content["parts"] = parts
    candidate: dict[str, Any] = {"content": content}
    if ended:
        candidate["finishReason"] = _FINISH.get(answer.finish, "STOP")
        broken = next((call for call in answer.calls if not isinstance(call.value, dict)), None)
        if broken:
            candidate["finishReason"] = "MALFORMED_FUNCTION_CALL"
            said = f"Malformed function call: {broken.name}({broken.arguments})"
            candidate["finishMessage"] = said
        elif answer.calls:
            candidate["finishMessage"] = _CALLED
    if not vertex:
        candidate["index"] = 0
    if answer.reply.logprobs and ended:
        candidate["avgLogprobs"] = -0.25
    body: dict[str, Any] = {
        "candidates": [candidate],
        "usageMetadata": _usage(answer, vertex=vertex),
        "modelVersion": answer.request.model,
        "responseId": answer.token("response", 23),
    }
    if vertex:
        body["createTime"] = "2026-08-19T12:00:00.000000Z"
    return body


def _usage(answer: Answer, *, vertex: bool) -> dict[str, Any]:
    tokens = answer.tokens
    candidates = max(0, tokens.output - tokens.reasoning)
    usage: dict[str, Any] = {
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": candidates,
        "totalTokenCount": tokens.total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.input}],
    }
    if tokens.cached:
        usage["cachedContentTokenCount"] = tokens.cached
    if tokens.reasoning:
        usage["thoughtsTokenCount"] = tokens.reasoning
    if vertex:
        usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": candidates}]
        usage["trafficType"] = "ON_DEMAND"
    else:
        usage["serviceTier"] = "standard"
    return usage


def _details(problem: Problem, message: str) -> list[dict[str, Any]]:
    if problem.kind == "bad_key":
        return [
            {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {"@type": f"{_TYPE}LocalizedMessage", "locale": "en-US", "message": message},
        ]
    details: list[dict[str, Any]] = []
    if quota := _QUOTAS.get(problem.kind):
        violation = {"quotaId": quota, "quotaValue": "10"}
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [violation]})
    if problem.retry_after_s is not None:
        delay = f"{problem.retry_after_s:g}s"
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": delay})
    return details
