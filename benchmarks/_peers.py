"""The router and what people use instead, each over a first target and one to fall back on.

A peer is asked for a text or a tool call, whole or streamed, and gives what an application would
have: the text, and the tool calls as (name, arguments as JSON text). Whatever it raises is an error
told. All keep their own defaults, but for the time that one call may take.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.drill.answers import ASKED_WITH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CALL_S = 2.0
"""What one call may take, in seconds: the one setting that is not each peer's own default."""
MODEL = "drilled"
TOOLS: list[dict[str, Any]] = list(ASKED_WITH["tool"]["tools"])
PACKAGES = (
    "litellm",
    "langchain",
    "langchain-core",
    "langchain-openai",
    "openai",
    "pydantic-ai-slim",
)


@dataclass
class Place:
    """Where a target is, and its key."""

    base_url: str
    api_key: str


@dataclass
class Given:
    """What the application has in its hands."""

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)


class Routed:
    """``RoutedChatModel`` over two targets, in order."""

    name = "RoutedChatModel"
    needs = ("langchain_core",)
    tools = True
    hints: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, first: Place, second: Place) -> None:
        from llmrouter_integrations import Router
        from llmrouter_integrations.langchain import RoutedChatModel

        def target(name: str, place: Place, window: int) -> dict[str, Any]:
            said = {"model": f"openai/{name}", "name": name, "protocol": "openai-chat"}
            where = {"base_url": place.base_url, "api_key": place.api_key}
            return {**said, **where, "context_window": window}

        self.router = Router(
            [target("first", first, 8_000), target("second", second, 200_000)],
            policy="ordered",
            timeout_s=4 * CALL_S,
            first_token_timeout_s=CALL_S,
            idle_timeout_s=CALL_S,
            hints=dict(self.hints),
        )
        self.llm = RoutedChatModel(router=self.router)

    async def whole(self, prompt: str, *, tools: bool) -> Given:
        return _read(await _bound(self.llm, tools).ainvoke(prompt))

    async def streamed(self, prompt: str, *, tools: bool) -> Given:
        return await _summed(_bound(self.llm, tools).astream(prompt))

    async def close(self) -> None:
        await self.router.aclose()


class RoutedRestarting(Routed):
    """The same, whose streams begin again where they broke."""

    name = "the same, on_interrupt='restart'"
    hints = MappingProxyType({"on_interrupt": "restart"})


class ChatOpenAIAlone:
    """``ChatOpenAI`` on the first target, with nobody to fall back on: the baseline."""

    name = "ChatOpenAI"
    needs = ("langchain_openai",)
    tools = True

    def __init__(self, first: Place, second: Place) -> None:  # noqa: ARG002  (it has no second)
        self.llm = _chat_openai(first)

    async def whole(self, prompt: str, *, tools: bool) -> Given:
        return _read(await _bound(self.llm, tools).ainvoke(prompt))

    async def streamed(self, prompt: str, *, tools: bool) -> Given:
        return await _summed(_bound(self.llm, tools).astream(prompt))

    async def close(self) -> None:
        pass


class WithFallbacks:
    """LangChain's ``with_fallbacks`` over two ``ChatOpenAI``."""

    name = "with_fallbacks"
    needs = ("langchain_openai",)
    tools = True

    def __init__(self, first: Place, second: Place) -> None:
        self.plain = _chat_openai(first).with_fallbacks([_chat_openai(second)])
        calling = [_bound(_chat_openai(place), tools=True) for place in (first, second)]
        self.calling = calling[0].with_fallbacks(calling[1:])

    async def whole(self, prompt: str, *, tools: bool) -> Given:
        return _read(await (self.calling if tools else self.plain).ainvoke(prompt))

    async def streamed(self, prompt: str, *, tools: bool) -> Given:
        return await _summed((self.calling if tools else self.plain).astream(prompt))

    async def close(self) -> None:
        pass


class FallbackMiddleware:
    """LangChain's agent with ``ModelFallbackMiddleware``. Its tools it calls itself."""

    name = "ModelFallbackMiddleware"
    needs = ("langchain", "langchain_openai")
    tools = False

    def __init__(self, first: Place, second: Place) -> None:
        from langchain.agents import create_agent
        from langchain.agents.middleware import ModelFallbackMiddleware

        fallback: Any = ModelFallbackMiddleware(_chat_openai(second))
        self.agent: Any = create_agent(_chat_openai(first), tools=[], middleware=[fallback])

    async def whole(self, prompt: str, *, tools: bool) -> Given:  # noqa: ARG002  (asked for texts)
        state = await self.agent.ainvoke({"messages": [("user", prompt)]})
        return _read(state["messages"][-1])

    async def streamed(self, prompt: str, *, tools: bool) -> Given:  # noqa: ARG002  (likewise)
        given = Given()
        asked = {"messages": [("user", prompt)]}
        async for message, _ in self.agent.astream(asked, stream_mode="messages"):
            given.text += message.text
        return given

    async def close(self) -> None:
        pass


class LiteLLMRouter:
    """``litellm.Router`` with a fallback."""

    name = "litellm.Router"
    needs = ("litellm",)
    tools = True

    def __init__(self, first: Place, second: Place) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import litellm

            litellm.suppress_debug_info = True
            logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
            logging.getLogger("LiteLLM Router").setLevel(logging.CRITICAL)

            def deployment(name: str, place: Place) -> dict[str, Any]:
                where = {"api_base": place.base_url, "api_key": place.api_key}
                return {
                    "model_name": name,
                    "litellm_params": {"model": f"openai/{MODEL}", **where},
                }

            self.router: Any = litellm.Router(
                [deployment("first", first), deployment("second", second)],
                fallbacks=[{"first": ["second"]}],
                timeout=CALL_S,
            )

    async def whole(self, prompt: str, *, tools: bool) -> Given:
        answer = await self.router.acompletion(**self._asked(prompt, tools))
        message = answer.choices[0].message
        calls = [(c.function.name, c.function.arguments) for c in message.tool_calls or ()]
        return Given(message.content or "", calls)

    async def streamed(self, prompt: str, *, tools: bool) -> Given:
        given, calls = Given(), {}
        async for chunk in await self.router.acompletion(**self._asked(prompt, tools), stream=True):
            delta = chunk.choices[0].delta
            given.text += delta.content or ""
            for call in delta.tool_calls or ():
                name, arguments = calls.get(call.index, ("", ""))
                said = call.function
                calls[call.index] = (name or said.name or "", arguments + (said.arguments or ""))
        given.calls = list(calls.values())
        return given

    def _asked(self, prompt: str, tools: bool) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": "first",
            "messages": [{"role": "user", "content": prompt}],
        }
        return {**asked, "tools": TOOLS} if tools else asked

    async def close(self) -> None:
        self.router.reset()


class PydanticFallback:
    """pydantic-ai's ``FallbackModel``. Its tools it calls itself."""

    name = "pydantic-ai FallbackModel"
    needs = ("pydantic_ai", "openai")
    tools = False

    def __init__(self, first: Place, second: Place) -> None:
        from openai import AsyncOpenAI
        from pydantic_ai import Agent
        from pydantic_ai.models.fallback import FallbackModel
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        self.clients = [
            AsyncOpenAI(base_url=place.base_url, api_key=place.api_key, timeout=CALL_S)
            for place in (first, second)
        ]
        models = [
            OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))
            for client in self.clients
        ]
        self.agent: Any = Agent(FallbackModel(*models))

    async def whole(self, prompt: str, *, tools: bool) -> Given:  # noqa: ARG002  (asked for texts)
        return Given((await self.agent.run(prompt)).output)

    async def streamed(self, prompt: str, *, tools: bool) -> Given:  # noqa: ARG002  (likewise)
        given = Given()
        async with self.agent.run_stream(prompt) as answer:
            async for text in answer.stream_text(delta=True, debounce_by=None):
                given.text += text
        return given

    async def close(self) -> None:
        for client in self.clients:
            await client.close()


PEERS: tuple[type[Any], ...] = (
    Routed,
    RoutedRestarting,
    LiteLLMRouter,
    WithFallbacks,
    FallbackMiddleware,
    PydanticFallback,
    ChatOpenAIAlone,
)


def installed(tell: Callable[[str], None]) -> list[type[Any]]:
    """Give the peers that can be asked; tells which are left out."""
    found = []
    for peer in PEERS:
        missing = [name for name in peer.needs if find_spec(name) is None]
        if missing:
            tell(f"left out: {peer.name} (not installed: {', '.join(missing)})")
        else:
            found.append(peer)
    return found


def versions() -> Iterator[str]:
    """Name what is compared."""
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _chat_openai(place: Place) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=place.base_url, api_key=place.api_key, timeout=CALL_S)


def _bound(llm: Any, tools: bool) -> Any:
    return llm.bind_tools(TOOLS) if tools else llm


def _read(message: Any) -> Given:
    calls = [(call["name"], json.dumps(call["args"])) for call in message.tool_calls]
    calls += [(call["name"], call["args"] or "") for call in message.invalid_tool_calls]
    return Given(message.text, calls)


async def _summed(chunks: Any) -> Given:
    total = None
    async for chunk in chunks:
        total = chunk if total is None else total + chunk
    return Given() if total is None else _read(total)
