"""The errors of OpenAI and of those who speak its protocol, as recorded or documented by each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.testing.protocols.base import Failure, Problem, whole_seconds

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["openai_failure"]


class _Row(NamedTuple):
    status: int
    type: str | None
    code: str | None
    param: str | None
    message: str


_DOCS = "https://platform.openai.com/docs/guides/error-codes/api-errors"
_LIMIT = (
    "Rate limit reached for {model} in organization org-sim on %s: Limit %s, Used %s, "
    "Requested %s. Please try again in {wait}. Visit "
    "https://platform.openai.com/account/rate-limits to learn more."
)

_ROWS = {
    "bad_request": _Row(
        400,
        "invalid_request_error",
        "missing_required_parameter",
        "messages[1].content[0].type",
        "Missing required parameter: 'messages[1].content[0].type'.",
    ),
    "context_overflow": _Row(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "160025 tokens. Please reduce the length of the messages.",
    ),
    "unsupported_parameter": _Row(
        400,
        "invalid_request_error",
        "unsupported_parameter",
        "{parameter}",
        "Unsupported parameter: '{parameter}' is not supported with this model.",
    ),
    "content_filter": _Row(
        400,
        "invalid_request_error",
        "invalid_prompt",
        None,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
        "Please try again with a different prompt: "
        "https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
    ),
    "bad_key": _Row(
        401,
        "invalid_request_error",
        "invalid_api_key",
        None,
        "Incorrect API key provided: sim-key. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "forbidden": _Row(
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        None,
        "Country, region, or territory not supported",
    ),
    "model_gone": _Row(
        404,
        "invalid_request_error",
        "model_not_found",
        None,
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "timeout": _Row(408, "timeout", None, None, "Request timed out."),
    "conflict": _Row(
        409, "invalid_request_error", None, None, "The resource is being updated; try again."
    ),
    "too_large": _Row(
        413, "invalid_request_error", None, None, "Request body exceeds the maximum size."
    ),
    "unprocessable": _Row(
        422, "invalid_request_error", None, "messages", "The request could not be processed."
    ),
    "rate_requests": _Row(
        429,
        "requests",
        "rate_limit_exceeded",
        None,
        _LIMIT % ("requests per min (RPM)", 500, 500, 1),
    ),
    "rate_tokens": _Row(
        429,
        "tokens",
        "rate_limit_exceeded",
        None,
        _LIMIT % ("tokens per min (TPM)", 30000, 29881, 2026),
    ),
    "daily_quota": _Row(
        429,
        "requests",
        "rate_limit_exceeded",
        None,
        _LIMIT % ("requests per day (RPD)", 200, 200, 1),
    ),
    "billing": _Row(
        429,
        "insufficient_quota",
        "insufficient_quota",
        None,
        "You exceeded your current quota, please check your plan and billing details. For more "
        f"information on this error, read the docs: {_DOCS}.",
    ),
    "server_error": _Row(
        500,
        "server_error",
        None,
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "unavailable": _Row(503, "server_error", None, None, "Service Unavailable."),
    "overloaded": _Row(
        503,
        "server_error",
        None,
        None,
        "That model is currently overloaded with other requests. You can retry your request, or "
        "contact us through our help center at help.openai.com if the error persists.",
    ),
}

_RESPONSES_ROWS = {
    "bad_request": _Row(
        400,
        "invalid_request_error",
        "missing_required_parameter",
        "input",
        "Missing required parameter: 'input'.",
    ),
    "context_overflow": _Row(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "input",
        "Your input exceeds the context window of this model. Please adjust your input and try "
        "again.",
    ),
    "model_gone": _Row(
        400,
        "invalid_request_error",
        "model_not_found",
        "model",
        "The requested model '{model}' does not exist.",
    ),
}

_DIALECT_MESSAGES = {
    ("azure", "content_filter"): (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"
    ),
    ("deepseek", "context_overflow"): (
        "This model's maximum context length is 1048565 tokens. However, you requested 1250025 "
        "tokens (1250025 in the messages, 0 in the completion). Please reduce the length of the "
        "messages or completion."
    ),
    ("deepseek", "billing"): "Insufficient Balance",
    ("mistral", "bad_key"): "Invalid API Key",
    ("ollama", "context_overflow"): (
        "prompt too long; exceeded max context length by 1119046 tokens "
        "(ref: 96164522-08b2-4cbf-886e-e5a38961a688)"
    ),
    ("openrouter", "context_overflow"): (
        "This endpoint's maximum context length is 200000 tokens. However, you requested about "
        "2500021 tokens (2500021 of text input). Please reduce the length of either one, or use "
        "the context-compression plugin to compress your prompt automatically."
    ),
    ("openrouter", "rate_requests"): (
        "Rate limit exceeded: limit_rpm/{model}/e8440b11. High demand for {model} on OpenRouter - "
        "limited to 1 requests per minute. Please retry shortly."
    ),
    ("xai", "bad_key"): (
        "Incorrect API key provided. You can obtain an API key from https://console.x.ai."
    ),
}
_DIALECT_STATUS = {("xai", "bad_key"): 400, ("deepseek", "billing"): 402}
_DIALECT_CODE = {
    ("azure", "content_filter"): "content_filter",
    ("azure", "model_gone"): "DeploymentNotFound",
    ("deepseek", "context_overflow"): "invalid_request_error",
    ("ollama", "context_overflow"): None,
}


def openai_failure(request: SimRequest, problem: Problem, *, responses: bool = False) -> Failure:
    """Write an error as OpenAI, or the speaker of its protocol that was asked, writes it."""
    provider, kind = request.provider, problem.kind
    row = (_RESPONSES_ROWS.get(kind) if responses else None) or _ROWS[kind]
    wait = problem.retry_after_s if problem.retry_after_s is not None else 20
    words = {"model": request.model, "parameter": problem.parameter, "wait": f"{wait:g}s"}
    message = problem.message
    if message is None:
        message = _DIALECT_MESSAGES.get((provider, kind), row.message).format(**words)
    status = problem.status or _DIALECT_STATUS.get((provider, kind), row.status)
    headers = {"x-request-id": "req_sim"}
    if problem.retry_after_s is not None:
        headers["retry-after"] = whole_seconds(problem.retry_after_s)
        headers["retry-after-ms"] = f"{problem.retry_after_s * 1000:g}"
    code = _DIALECT_CODE.get((provider, kind), row.code)
    row = row._replace(
        status=status, code=code, param=row.param and row.param.format(**words), message=message
    )
    return Failure(status, _body(provider, row), headers)


def _body(provider: str, row: _Row) -> dict[str, Any]:
    message = row.message
    match provider:
        case "mistral" if row.status == 401:
            return {"detail": message}
        case "mistral":
            kind = {"object": "error", "message": message, "type": row.type}
            return {**kind, "param": row.param, "code": row.code}
        case "xai":
            return {"code": (row.type or "error").replace("_", "-"), "error": message}
        case "openrouter":
            error = {"message": message, "code": row.status, "metadata": {"provider_name": None}}
            return {"error": error, "user_id": "user_sim"}
        case "groq" | "azure":
            return {"error": {"message": message, "type": row.type, "code": row.code}}
        case _:
            error = {"message": message, "type": row.type, "param": row.param, "code": row.code}
            return {"error": error}
