"""CPU microseconds per call of the router and of what people use instead, interleaved in one run.

    python benchmarks/overhead.py                 # a few minutes
    python benchmarks/overhead.py --smoke         # everything, tiny, in seconds
    python benchmarks/overhead.py --json out.json

The server is a stub in a process of its own, so ``time.process_time`` counts the client alone,
threads and native runtimes included. Every round runs every case once, in a new order, so drift
of the machine falls on all alike. Given are the median over the rounds and the quartiles; ratios
are the median of the rounds' own ratios. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import random
import statistics
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
from _imports import import_ratios
from _stub import CHUNKS, MODEL, stub_process

from llmrouter_integrations import Router, RoutingHints
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.fleet import Fleet
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.routing.prospects import Prospects
from llmrouter_integrations.state.base import Health, Snapshot
from llmrouter_integrations.transport import Limits, Transport
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

PROMPT = "x" * 1000
BODY = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
HEADERS = {"authorization": "Bearer sk-stub", "content-type": "application/json"}
LIMITS = Limits(total_s=60, first_token_s=30, idle_s=30, connect_s=30, pool_s=30)
POOL = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
PACKAGES = (
    "httpx",
    "langchain-core",
    "langchain-openai",
    "llama-index-core",
    "llama-index-llms-openai",
    "openai",
    "litellm",
    "aiohttp",
)

Samples = dict[str, list[float]]


def bare_whole(url: str) -> HttpRequest:
    return HttpRequest(
        "POST", f"{url}/chat/completions", tuple(HEADERS.items()), orjson.dumps(BODY)
    )


def bare_stream(url: str) -> HttpRequest:
    body = orjson.dumps({**BODY, "stream": True, "stream_options": {"include_usage": True}})
    return HttpRequest("POST", f"{url}/chat/completions", tuple(HEADERS.items()), body)


def target(url: str) -> dict[str, Any]:
    return {"model": f"openai/{MODEL}", "base_url": url, "api_key": "sk-stub"}


def drain(chunks: Iterator[Any]) -> None:
    for _ in chunks:
        pass


async def adrain(chunks: AsyncIterator[Any]) -> None:
    async for _ in chunks:
        pass


def chat_openai(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=MODEL, base_url=url, api_key="sk-stub", max_retries=0, stream_usage=True
    )


def llama_index_llms(url: str, router: Router) -> tuple[Any, Any, list[Any]] | None:
    """Give LlamaIndex's two LLMs, ours and OpenAI's, and a prompt, where they are installed."""
    try:
        if find_spec("llama_index.llms.openai") is None:
            return None
    except ModuleNotFoundError:  # not even llama-index-core
        return None
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai import OpenAI

    from llmrouter_integrations.llama_index import RoutedLLM

    # OpenAI's asks for the window of its model at each call, and knows only OpenAI's own names
    theirs = OpenAI(model="gpt-4o-mini", api_base=url, api_key="sk-stub", max_retries=0)
    return RoutedLLM(router=router), theirs, [ChatMessage(PROMPT)]


def litellm_peers(url: str) -> dict[str, Any]:
    """Give LiteLLM's router, and its LangChain chat model, where they are installed."""
    if find_spec("litellm") is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        deployment = {
            "model_name": MODEL,
            "litellm_params": {"model": f"openai/{MODEL}", "api_base": url, "api_key": "sk-stub"},
        }
        peers: dict[str, Any] = {"litellm.Router": litellm.Router([deployment], num_retries=0)}
        if find_spec("langchain_litellm") is not None:
            from langchain_litellm import ChatLiteLLMRouter

            peers["ChatLiteLLMRouter"] = ChatLiteLLMRouter(
                router=peers["litellm.Router"], model_name=MODEL
            )
    return peers


def sync_cases(url: str, *, stream: bool) -> dict[str, Callable[[], Any]]:
    client = httpx.Client(limits=POOL, timeout=60)
    transport = Transport()
    router = Router([target(url)])
    routed = RoutedChatModel(router=router)
    openai = chat_openai(url)
    whole, streamed = bare_whole(url), bare_stream(url)
    peers = litellm_peers(url)
    llms = llama_index_llms(url, router)

    def httpx_whole() -> None:
        orjson.loads(client.post(whole.url, headers=HEADERS, content=whole.body).content)

    def httpx_stream() -> None:
        with client.stream("POST", whole.url, headers=HEADERS, content=streamed.body) as answer:
            drain(answer.iter_raw())

    def transport_stream() -> None:
        with transport.stream(streamed, LIMITS) as answer:
            drain(answer.iter_bytes())

    if stream:
        cases = {
            "bare httpx": httpx_stream,
            "our transport": transport_stream,
            "Router.stream": lambda: drain(router.stream(PROMPT)),
            "RoutedChatModel.stream": lambda: drain(routed.stream(PROMPT)),
            "ChatOpenAI.stream": lambda: drain(openai.stream(PROMPT)),
        }
        if llms is not None:
            ours, theirs, prompt = llms
            cases["RoutedLLM.stream_chat"] = lambda: drain(ours.stream_chat(prompt))
            cases["LlamaIndex OpenAI.stream_chat"] = lambda: drain(theirs.stream_chat(prompt))
        if "ChatLiteLLMRouter" in peers:
            cases["ChatLiteLLMRouter.stream"] = lambda: drain(
                peers["ChatLiteLLMRouter"].stream(PROMPT)
            )
        return cases
    cases = {
        "bare httpx": httpx_whole,
        "our transport": lambda: transport.send(whole, LIMITS),
        "Router.complete": lambda: router.complete(PROMPT),
        "RoutedChatModel.invoke": lambda: routed.invoke(PROMPT),
        "ChatOpenAI.invoke": lambda: openai.invoke(PROMPT),
    }
    if llms is not None:
        ours, theirs, prompt = llms
        cases["RoutedLLM.chat"] = lambda: ours.chat(prompt)
        cases["LlamaIndex OpenAI.chat"] = lambda: theirs.chat(prompt)
    if "litellm.Router" in peers:
        messages = BODY["messages"]
        cases["litellm.Router.completion"] = lambda: peers["litellm.Router"].completion(
            model=MODEL, messages=messages
        )
    if "ChatLiteLLMRouter" in peers:
        cases["ChatLiteLLMRouter.invoke"] = lambda: peers["ChatLiteLLMRouter"].invoke(PROMPT)
    return cases


def async_cases(url: str, *, stream: bool) -> dict[str, Callable[[], Awaitable[Any]]]:
    client = httpx.AsyncClient(limits=POOL, timeout=60)
    transport = Transport()
    router = Router([target(url)])
    routed = RoutedChatModel(router=router)
    openai = chat_openai(url)
    whole, streamed = bare_whole(url), bare_stream(url)
    peers = litellm_peers(url)
    llms = llama_index_llms(url, router)

    async def httpx_whole() -> None:
        answer = await client.post(whole.url, headers=HEADERS, content=whole.body)
        orjson.loads(answer.content)

    async def httpx_stream() -> None:
        async with client.stream(
            "POST", whole.url, headers=HEADERS, content=streamed.body
        ) as answer:
            await adrain(answer.aiter_raw())

    async def transport_stream() -> None:
        async with transport.astream(streamed, LIMITS) as answer:
            await adrain(answer.aiter_bytes())

    if stream:
        cases: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare httpx": httpx_stream,
            "our transport": transport_stream,
            "Router.astream": lambda: adrain(router.astream(PROMPT)),
            "RoutedChatModel.astream": lambda: adrain(routed.astream(PROMPT)),
            "ChatOpenAI.astream": lambda: adrain(openai.astream(PROMPT)),
        }
        if llms is not None:
            ours, theirs, prompt = llms

            async def stream_of(llm: Any) -> None:
                await adrain(await llm.astream_chat(prompt))

            cases["RoutedLLM.astream_chat"] = lambda: stream_of(ours)
            cases["LlamaIndex OpenAI.astream_chat"] = lambda: stream_of(theirs)
        if "ChatLiteLLMRouter" in peers:
            cases["ChatLiteLLMRouter.astream"] = lambda: adrain(
                peers["ChatLiteLLMRouter"].astream(PROMPT)
            )
        return cases
    cases = {
        "bare httpx": httpx_whole,
        "our transport": lambda: transport.asend(whole, LIMITS),
        "Router.acomplete": lambda: router.acomplete(PROMPT),
        "RoutedChatModel.ainvoke": lambda: routed.ainvoke(PROMPT),
        "ChatOpenAI.ainvoke": lambda: openai.ainvoke(PROMPT),
    }
    if llms is not None:
        ours, theirs, prompt = llms
        cases["RoutedLLM.achat"] = lambda: ours.achat(prompt)
        cases["LlamaIndex OpenAI.achat"] = lambda: theirs.achat(prompt)
    if "litellm.Router" in peers:
        messages = BODY["messages"]
        cases["litellm.Router.acompletion"] = lambda: peers["litellm.Router"].acompletion(
            model=MODEL, messages=messages
        )
    if "ChatLiteLLMRouter" in peers:
        cases["ChatLiteLLMRouter.ainvoke"] = lambda: peers["ChatLiteLLMRouter"].ainvoke(PROMPT)
    return cases


def time_sync(call: Callable[[], Any], calls: int, pool: ThreadPoolExecutor | None) -> float:
    started = time.process_time()
    if pool is None:
        for _ in range(calls):
            call()
    else:
        list(pool.map(lambda _: call(), range(calls)))
    return (time.process_time() - started) / calls * 1e6


async def time_async(call: Callable[[], Awaitable[Any]], calls: int, concurrency: int) -> float:
    async def work(count: int) -> None:
        for _ in range(count):
            await call()

    started = time.process_time()
    await asyncio.gather(*[work(calls // concurrency) for _ in range(concurrency)])
    return (time.process_time() - started) / (calls // concurrency * concurrency) * 1e6


def measure_sync(url: str, rounds: int, calls: int, concurrency: int, *, stream: bool) -> Samples:
    cases = sync_cases(url, stream=stream)
    samples: Samples = {name: [] for name in cases}
    with ExitStack() as stack:
        threads = ThreadPoolExecutor(concurrency) if concurrency > 1 else None
        if threads is not None:
            stack.enter_context(threads)
        for call in cases.values():
            time_sync(call, max(concurrency, 5), threads)
        for _ in range(rounds):
            for name in random.sample(list(cases), len(cases)):
                gc.collect()
                samples[name].append(time_sync(cases[name], calls, threads))
    return samples


async def measure_async(
    url: str, rounds: int, calls: int, concurrency: int, *, stream: bool
) -> Samples:
    cases = async_cases(url, stream=stream)
    samples: Samples = {name: [] for name in cases}
    for call in cases.values():
        await time_async(call, max(concurrency, 5), concurrency)
    for _ in range(rounds):
        for name in random.sample(list(cases), len(cases)):
            gc.collect()
            samples[name].append(await time_async(cases[name], calls, concurrency))
    return samples


def measure_decision(rounds: int) -> list[float]:
    """Decide over 100 targets, half of them measured, for a prompt of 1 KB."""
    rng = random.Random(1)
    configs = [
        TargetConfig(
            model=f"openai/m{i}",
            api_key="k",
            quality=rng.random(),
            input_usd_per_mtok=rng.random() * 5,
            output_usd_per_mtok=rng.random() * 25,
            context_window=200_000,
        )
        for i in range(100)
    ]
    targets = Fleet.assemble(configs, Transport(), catalog=_catalog(), env={}).targets
    snapshot = Snapshot({t.name: Health(first_token_s=0.5) for t in targets[::2]}, {})
    prompt = ("Please tell me what the author thinks of the economics of trade. " * 16)[:1000]
    request, hints = request_from(prompt), RoutingHints()
    prospects = Prospects(targets)
    samples = []
    for _ in range(rounds):
        started = time.perf_counter()
        decide(
            request,
            hints,
            targets,
            snapshot,
            now=0.0,
            policy="utility",
            prefer="balanced",
            value_usd=None,
            rng=rng,
            prospects=prospects,
        )
        samples.append((time.perf_counter() - started) * 1e6)
    return samples


def _catalog() -> Any:
    from llmrouter_integrations.catalog import Catalog

    return Catalog.load()


def quartiles(samples: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(samples, n=4)
    return {"median_us": round(middle, 1), "q1_us": round(low, 1), "q3_us": round(high, 1)}


def ratio(samples: Samples, case: str, base: str) -> float:
    pairs = zip(samples[case], samples[base], strict=True)
    return round(statistics.median([a / b for a, b in pairs]), 3)


def over(samples: Samples, case: str, base: str) -> float:
    pairs = zip(samples[case], samples[base], strict=True)
    return round(statistics.median([a - b for a, b in pairs]), 1)


def verdicts(found: dict[str, Samples]) -> dict[str, float]:
    """Give the figures that issues 2 and 3 set aims for."""
    whole, stream = found["sync c1"], found["sync stream c1"]
    awhole, astream = found["async c1"], found["async stream c1"]
    told: dict[str, float] = {}
    if "RoutedLLM.chat" in whole:
        told = {
            "RoutedLLM.chat / LlamaIndex OpenAI.chat (aim 0.5)": ratio(
                whole, "RoutedLLM.chat", "LlamaIndex OpenAI.chat"
            ),
            "RoutedLLM.achat / LlamaIndex OpenAI.achat (aim 0.5)": ratio(
                awhole, "RoutedLLM.achat", "LlamaIndex OpenAI.achat"
            ),
        }
    return told | {
        "Router.complete over its transport, us (aim 150)": over(
            whole, "Router.complete", "our transport"
        ),
        "Router.acomplete over its transport, us (aim 150)": over(
            awhole, "Router.acomplete", "our transport"
        ),
        "RoutedChatModel.invoke / ChatOpenAI.invoke (aim 0.45)": ratio(
            whole, "RoutedChatModel.invoke", "ChatOpenAI.invoke"
        ),
        "RoutedChatModel.ainvoke / ChatOpenAI.ainvoke (aim 0.45)": ratio(
            awhole, "RoutedChatModel.ainvoke", "ChatOpenAI.ainvoke"
        ),
        f"RoutedChatModel.stream / ChatOpenAI.stream, {CHUNKS} chunks (aim 0.3)": ratio(
            stream, "RoutedChatModel.stream", "ChatOpenAI.stream"
        ),
        f"RoutedChatModel.astream / ChatOpenAI.astream, {CHUNKS} chunks (aim 0.3)": ratio(
            astream, "RoutedChatModel.astream", "ChatOpenAI.astream"
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="everything once, tiny")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    rounds = 2 if arguments.smoke else arguments.rounds
    calls = 10 if arguments.smoke else 200
    wide = 5 if arguments.smoke else 50

    found: dict[str, Samples] = {}
    # one event loop for all: ChatOpenAI's cached client does not outlive the loop it was made in
    with stub_process() as url, asyncio.Runner() as loop:
        for stream in (False, True):
            many = calls // 4 if stream else calls
            kind = " stream" if stream else ""
            for concurrency in (1, wide):
                count = max(many, concurrency)
                found[f"sync{kind} c{concurrency}"] = measure_sync(
                    url, rounds, count, concurrency, stream=stream
                )
                found[f"async{kind} c{concurrency}"] = loop.run(
                    measure_async(url, rounds, count, concurrency, stream=stream)
                )
    decision = measure_decision(50 if arguments.smoke else 2000)

    print(f"python {platform.python_version()}, {', '.join(_versions())}")
    for scenario, samples in found.items():
        print(f"\nCPU us per call, median [quartiles]: {scenario}")
        for name, values in samples.items():
            figure = quartiles(values)
            spread = f"[{figure['q1_us']:.0f}-{figure['q3_us']:.0f}]"
            print(f"  {name:<32}{figure['median_us']:>9.0f} {spread}")
    print("\nAims")
    told = verdicts(found) | import_ratios(1 if arguments.smoke else rounds)
    told["decision over 100 candidates, 1 KB prompt, us, median (aim 150)"] = round(
        statistics.median(decision), 1
    )
    for name, value in told.items():
        print(f"  {name}: {value:g}")
    if arguments.json:
        cpu = {s: {n: quartiles(v) for n, v in c.items()} for s, c in found.items()}
        arguments.json.write_text(json.dumps({"cpu_us": cpu, "aims": told}, indent=1))


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


if __name__ == "__main__":
    main()
