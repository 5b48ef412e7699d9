"""Record the cassettes: ``python cassettes/record.py [PROVIDER ...]``.

Each provider whose key is in the environment is recorded as it really answers; the others are
recorded from the simulator. ``cassettes/README.md`` is written anew and says which is which.
Keys never reach a cassette: the headers that carry them are left out.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import vcr
import yaml

from llmrouter_integrations import Router
from llmrouter_integrations.errors import RouterError
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply, ToolCall
from llmrouter_integrations.wire.registry import PROVIDERS, default_base_url

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
SIMULATED_HOST = "simulator.invalid"
"""What stands in a cassette for the simulator's address, whose port differs each time."""

REGION = "us-east-1"
"""Where a provider with regions is asked, whatever the environment says."""

KEY_HEADERS = ["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"]
KEPT_RESPONSE_HEADERS = frozenset({"content-type", "retry-after", "request-id", "x-request-id"})

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True)
class Provider:
    """Whom to record, and by which model."""

    id: str
    model: str
    protocol: str


RECORDED = (
    Provider("openai", "gpt-5.4-nano", "openai-chat"),
    Provider("openai", "gpt-5.4-nano", "openai-responses"),
    Provider("anthropic", "claude-haiku-4-5", "anthropic"),
    Provider("google", "gemini-3.5-flash-lite", "gemini"),
    Provider("cohere", "command-a-03-2025", "cohere"),
    Provider("bedrock", "us.amazon.nova-2-lite-v1:0", "bedrock"),
)


def text(router: Router) -> dict[str, Any]:
    """Ask a plain question."""
    answer = router.complete("Say hello in one word.", max_tokens=512)
    return {
        "text": answer.text,
        "finish": answer.finish_reason,
        "tokens": answer.usage.total_tokens,
    }


def stream(router: Router) -> dict[str, Any]:
    """Ask the same, streamed."""
    chunks = list(router.stream("Count from one to five.", max_tokens=512))
    whole = chunks[-1].response
    return {"text": "".join(c.text for c in chunks), "finish": whole.finish_reason}


def tools(router: Router) -> dict[str, Any]:
    """Ask for what only a tool can tell."""
    answer = router.complete("What is the weather in Oslo?", tools=[WEATHER], max_tokens=512)
    return {"calls": [(c.name, c.arguments) for c in answer.tool_calls]}


def structured(router: Router) -> dict[str, Any]:
    """Ask for an answer that fits a schema."""
    answer = router.complete("Ada is 36 years old.", response_format=PERSON, max_tokens=512)
    return {"text": answer.text}


def bad_key(router: Router) -> dict[str, Any]:
    """Ask with a key that is wrong."""
    try:
        router.complete("Hello.")
    except RouterError as error:
        return {"error": type(error).__name__, "attempt": error.attempts[0].error_type}
    raise AssertionError("a wrong key was taken")


SCENARIOS: dict[str, Callable[[Router], dict[str, Any]]] = {
    "text": text,
    "stream": stream,
    "tools": tools,
    "structured": structured,
    "bad_key": bad_key,
}
SCRIPTS = {
    "text": Reply("Hello"),
    "stream": Reply("one two three four five"),
    "tools": Reply(tool_calls=(ToolCall("get_weather", {"city": "Oslo"}),)),
    "structured": Reply('{"name": "Ada", "age": 36}'),
    "bad_key": Fault.bad_key(),
}


def path_of(provider: Provider, scenario: str) -> Path:
    """Where a cassette stands."""
    return HERE / provider.protocol / f"{scenario}.yaml"


def recorder(path: Path, mode: str) -> Any:
    """Give the cassette at a path, to record ("all") or to replay ("none")."""
    return vcr.VCR(
        record_mode=mode,
        match_on=["method", "host", "path", "body"],
        filter_headers=[*KEY_HEADERS, "host", "user-agent"],
        before_record_request=_without_port,
        before_record_response=_slim,
        decode_compressed_response=True,
    ).use_cassette(str(path))


def _without_port(request: Any) -> Any:
    parts = urlsplit(request.uri)
    if parts.hostname == "127.0.0.1":
        request.uri = request.uri.replace(
            f"{parts.scheme}://{parts.netloc}", f"http://{SIMULATED_HOST}"
        )
    return request


def _slim(response: dict[str, Any]) -> dict[str, Any]:
    headers = response["headers"]
    response["headers"] = {k: v for k, v in headers.items() if k.lower() in KEPT_RESPONSE_HEADERS}
    return response


def target_for_replay(provider: Provider, *, simulated: bool) -> dict[str, Any]:
    """Give a target that asks exactly what was recorded."""
    return {
        "model": f"{provider.id}/{provider.model}",
        "protocol": provider.protocol,
        "api_key": "replayed",
        "base_url": _simulated_url(provider)
        if simulated
        else default_base_url(PROVIDERS[provider.id], {}, region=REGION),
    }


def _simulated_url(provider: Provider) -> str:
    with ProviderSimulator() as simulator:
        path = urlsplit(simulator.url(provider.id)).path
    return f"http://{SIMULATED_HOST}{path}"


def record(provider: Provider, simulator: ProviderSimulator) -> str:
    """Record every scenario of a provider; gives whether it was "real" or "simulated"."""
    info = PROVIDERS[provider.id]
    key = next((os.environ[name] for name in info.key_env if os.environ.get(name)), None)
    source = "real" if key is not None else "simulated"
    for name, scenario in SCENARIOS.items():
        target: dict[str, Any]
        if key is not None:
            target = target_for_replay(provider, simulated=False)
            target["api_key"] = "wrong" if name == "bad_key" else key
        else:
            simulator.reset()
            simulator.script(provider.model, SCRIPTS[name])
            target = simulator.target(provider.id, provider.model, protocol=provider.protocol)
        path = path_of(provider, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with recorder(path, "all"), Router([target], http="httpx", max_retries=0) as router:
            seen = scenario(router)
        about = {
            "recorded": dt.datetime.now(dt.UTC).date().isoformat(),
            "seen": _plain(seen),
            "source": source,
        }
        with path.open("a", encoding="utf-8") as file:
            yaml.safe_dump(about, file)
    return source


def _plain(seen: dict[str, Any]) -> dict[str, Any]:
    return {k: [list(i) for i in v] if isinstance(v, list) else v for k, v in seen.items()}


README = """\
# Cassettes

Exchanges recorded by vcrpy; the tests replay them (`tests/test_cassettes.py`). Recorded anew by

    python cassettes/record.py

A provider whose key is in the environment is recorded as it really answers; the others are
recorded from this package's own simulator, whose bodies the tests hold against real recordings.
What a cassette is stands in it too, as `source`; `seen` is what the router made of it.
No cassette shows a refused connection, a cut stream or a stall: vcrpy cannot record them. Those
are tested on the simulator and on `FaultTransport`.

| cassette | provider, model | recorded from | on |
|---|---|---|---|
"""
SOURCES = {"real": "**the real provider**", "simulated": "the simulator"}


def readme() -> str:
    """Say of every cassette what it is, by what stands in it."""
    rows = []
    for provider in RECORDED:
        for name in SCENARIOS:
            kept = yaml.safe_load(path_of(provider, name).read_text(encoding="utf-8"))
            rows.append(
                f"| `{provider.protocol}/{name}.yaml` | {provider.id}, {provider.model} "
                f"| {SOURCES[kept['source']]} | {kept['recorded']} |"
            )
    return README + "\n".join(rows) + "\n"


def main(wanted: list[str]) -> None:
    """Record, and write down what was recorded from where."""
    with ProviderSimulator() as simulator:
        for provider in RECORDED:
            if not wanted or provider.id in wanted:
                source = record(provider, simulator)
                sys.stdout.write(f"{provider.protocol}: {len(SCENARIOS)} cassettes, {source}\n")
    (HERE / "README.md").write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
