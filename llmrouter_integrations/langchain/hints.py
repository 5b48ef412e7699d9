"""Hints out of LangChain metadata, read where a call comes in and passed on as one call kwarg.

LangChain hands metadata to callbacks, not to models: inside ``_generate`` and ``_stream`` it is
mostly out of sight. So the public entry points read it. It cannot be read on a thread that the
caller started without a copied context (a bare ``ThreadPoolExecutor`` or ``run_in_executor``):
there, pass ``config`` or ``hints=`` along.
"""

# ruff: noqa: TC002, TC003  (LangChain resolves the annotations at run time)

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackManager, Callbacks
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from pydantic import field_validator

from llmrouter_integrations.errors import RouterError
from llmrouter_integrations.hints import PREFIX, RoutingHints
from llmrouter_integrations.langchain.errors import as_model_error

__all__ = ["BESIDE_THE_CHOICE", "FORM", "KWARG", "HintedChatModel", "settle_hints"]

KWARG: Final = "llmrouter_hints"
"""The call kwarg in which settled hints travel; it also keeps apart the cached answers of requests
that differ in their hints."""

BESIDE_THE_CHOICE: Final = frozenset(
    {
        "session",
        "tenant",
        "tags",
        "timeout_s",
        "first_token_timeout_s",
        "hedge",
        "on_interrupt",
        "priority",
    }
)
"""Hints that say nothing of what answer is wanted: cached answers are shared across them."""

FORM: Final = "llmrouter_form"
"""The call kwarg that says how a stream is written; see :mod:`.from_response`."""


def settle_hints(
    kwargs: dict[str, Any],
    callbacks: Callbacks,
    metadata: Mapping[str, Any] | None,
    own: Mapping[str, Any] | None,
) -> None:
    """Replace what a call says of routing by one :class:`RoutingHints` under :data:`KWARG`.

    Later wins: the metadata of the run around this call, that of its callback manager, the
    call's own, the model's own (the order of LangChain's ``CallbackManager.configure``); and the
    call kwarg ``hints`` over all metadata. Nothing is put in where nothing was said.

    Args:
        kwargs: The call's keyword arguments; changed in place.
        callbacks: The call's callbacks.
        metadata: The call's metadata.
        own: The model's metadata.

    Raises:
        UnknownHintError: A hint that does not exist, or a value it cannot take.
    """
    if KWARG in kwargs:
        return
    around = var_child_runnable_config.get()
    found: dict[str, Any] = {}
    for layer in (
        around.get("metadata") if around else None,
        callbacks.metadata if isinstance(callbacks, BaseCallbackManager) else None,
        metadata,
        own,
    ):
        if layer:
            for key in layer:
                if isinstance(key, str) and key.startswith(PREFIX):
                    found[key] = layer[key]
    said = RoutingHints.of(kwargs.pop("hints", None))
    hints = said.over(RoutingHints.from_metadata(found)) if found else said
    if hints:
        kwargs[KWARG] = hints


class HintedChatModel(BaseChatModel):
    """A chat model whose calls know their hints, by whichever door they come in."""

    @field_validator("metadata")
    @classmethod
    def _known_hints(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        RoutingHints.from_metadata(value)
        return value

    def _settle(
        self,
        kwargs: dict[str, Any],
        callbacks: Callbacks,
        metadata: Mapping[str, Any] | None,
    ) -> None:
        try:
            settle_hints(kwargs, callbacks, metadata, self.metadata)
        except RouterError as error:
            as_model_error(error)
            raise

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        *,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        run_name: str | None = None,
        run_id: UUID | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Answer each of several conversations; see :class:`BaseChatModel`."""
        self._settle(kwargs, callbacks, metadata)
        return super().generate(
            messages,
            stop,
            callbacks,
            tags=tags,
            metadata=metadata,
            run_name=run_name,
            run_id=run_id,
            **kwargs,
        )

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        *,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        run_name: str | None = None,
        run_id: UUID | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Answer each of several conversations, at once; see :class:`BaseChatModel`."""
        self._settle(kwargs, callbacks, metadata)
        return await super().agenerate(
            messages,
            stop,
            callbacks,
            tags=tags,
            metadata=metadata,
            run_name=run_name,
            run_id=run_id,
            **kwargs,
        )

    def _settle_stream(self, kwargs: dict[str, Any], config: RunnableConfig | None) -> None:
        config = config or {}
        self._settle(kwargs, config.get("callbacks"), config.get("metadata"))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002  (LangChain's name)
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Answer in chunks; the last one's metadata tell who answered and what it cost."""
        self._settle_stream(kwargs, config)
        return super().stream(input, config, stop=stop, **kwargs)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002  (LangChain's name)
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer in chunks; as :meth:`stream`."""
        self._settle_stream(kwargs, config)
        return super().astream(input, config, stop=stop, **kwargs)

    def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002  (LangChain's name)
        """Answer in events; see :class:`BaseChatModel`."""
        if kwargs.get("version") == "v3":
            self._settle_stream(kwargs, config)
            kwargs[FORM] = "blocks"
        return super().stream_events(input, config, **kwargs)

    def astream_events(
        self,
        input: Any,  # noqa: A002  (LangChain's name)
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Any:
        """Answer in events; see :class:`BaseChatModel`."""
        if kwargs.get("version") == "v3":
            self._settle_stream(kwargs, config)
            kwargs[FORM] = "blocks"
        return super().astream_events(input, config, **kwargs)
