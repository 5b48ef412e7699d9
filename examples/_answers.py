"""Who answered each call of a LlamaIndex application: its router's account, as it comes by."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Accounts(BaseEventHandler):
    found: list[dict[str, Any]]

    @classmethod
    def class_name(cls) -> str:
        return "Accounts"

    def handle(self, event: Any, **_: Any) -> None:
        if type(event).__name__ in ("LLMChatEndEvent", "LLMCompletionEndEvent"):
            self.found.append(event.response.raw["llmrouter"])


@contextmanager
def answers() -> Iterator[list[dict[str, Any]]]:
    """Give the list to which ``raw["llmrouter"]`` of every answer is added."""
    accounts, dispatcher = _Accounts(found=[]), get_dispatcher()
    dispatcher.add_event_handler(accounts)
    try:
        yield accounts.found
    finally:
        dispatcher.event_handlers.remove(accounts)
