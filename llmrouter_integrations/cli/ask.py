"""``llmrouter ask``: one question to whoever can be reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from llmrouter_integrations.cli.options import (
    AsJson,
    Config,
    Hint,
    Model,
    Prefer,
    Task,
    hints_from,
    router_from,
)
from llmrouter_integrations.errors import MissingKeyError, TargetError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import Response
from llmrouter_integrations.router import Router
from llmrouter_integrations.transport import Limits, Transport
from llmrouter_integrations.wire.registry import PROVIDERS, default_base_url

_LOCAL_S = 0.5


def ask(
    question: Annotated[str, typer.Argument(help="What to ask; - reads it from the input.")],
    *,
    config: Config = None,
    model: Model = None,
    task: Task = None,
    prefer: Prefer = None,
    hint: Hint = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question of the best model that your keys, or a local Ollama, can reach."""
    if question == "-":
        question = typer.get_text_stream("stdin").read()
    hints = hints_from(task, prefer, hint)
    aside = Console(stderr=True)
    with _router(config, model, aside) as router:
        if as_json:
            answer = router.complete(question, hints=hints)
            typer.echo(orjson.dumps(_plain(answer)).decode())
            return
        last: Response | None = None
        try:
            for chunk in router.stream(question, hints=hints):
                typer.echo(chunk.text, nl=False)
                last = chunk.response or last
        finally:
            typer.echo()
        if last is not None:
            _tell(last, aside)


def _router(config: Config, model: Model, aside: Console) -> Router:
    try:
        return router_from(config, model)
    except MissingKeyError as error:
        if config is not None or model:
            raise
        local = _local_models(os.environ)
        if not local:
            raise MissingKeyError(f"{error}; nor does an Ollama run here") from None
        aside.print(f"no API key is set; asking your local Ollama ({local[0]})", style="dim")
        return Router([f"ollama/{local[0]}"])


def _local_models(env: Mapping[str, str]) -> list[str]:
    """Names of the models a local Ollama has; none where none runs."""
    base = default_base_url(PROVIDERS["ollama"], env) or ""
    url = base.removesuffix("/v1") + "/api/tags"
    limits = Limits(total_s=_LOCAL_S, first_token_s=_LOCAL_S, idle_s=_LOCAL_S, connect_s=_LOCAL_S)
    with Transport() as transport:
        try:
            answer = transport.send(HttpRequest("GET", url), limits)
            return [m["name"] for m in orjson.loads(answer.body)["models"]]
        except (TargetError, orjson.JSONDecodeError, KeyError, TypeError):
            return []


def _tell(answer: Response, aside: Console) -> None:
    cost = f"${answer.cost_usd:.6f}" if answer.cost_usd is not None else "no price known"
    usage = answer.usage
    tried = "".join(f"{a.target} failed ({a.error_type}); " for a in answer.attempts[:-1])
    aside.print(
        f"{tried}{answer.target} answered: {usage.input_tokens} tokens in, "
        f"{usage.output_tokens} out, {cost}",
        style="dim",
        highlight=False,
    )


def _plain(answer: Response) -> dict[str, Any]:
    return {
        "text": answer.text,
        "target": answer.target,
        "model": answer.model,
        "provider": answer.provider,
        "finish_reason": answer.finish_reason,
        "cost_usd": answer.cost_usd,
        "usage": answer.usage,
        "attempts": answer.attempts,
        "decision_id": answer.decision.id if answer.decision else None,
    }
