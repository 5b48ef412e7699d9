"""Models you already have, routed: wrap the object, and another provider stands behind it.

python examples/own_models.py       # needs `langchain-openai` and `llama-index`; always simulated
"""

from __future__ import annotations

from typing import Any

from langchain_openai import ChatOpenAI
from llama_index.core.llms import (
    ChatMessage,
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
)
from llama_index.core.llms.callbacks import llm_completion_callback

from llmrouter_integrations import Router
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain import as_target as chat_model
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.llama_index import as_target as llm
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply


class House(CustomLLM):
    """The model in the cellar, which only completes texts."""

    @property
    def metadata(self) -> LLMMetadata:
        """What it is."""
        return LLMMetadata(model_name="house-1", context_window=4096)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002  (LlamaIndex's signature)
        """Answer a prompt."""
        return CompletionResponse(text="The house says: yes.")

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Answer a prompt in one piece."""
        yield self.complete(prompt, formatted, **kwargs)


def main() -> None:
    with ProviderSimulator() as providers:
        providers.script("gpt-4.1", Reply("Yes."), Fault.overloaded())
        yours = ChatOpenAI(model="gpt-4.1", base_url=providers.url("openai"), api_key="sim-key")
        router = Router(
            models=[
                chat_model(yours, name="yours", quality=0.8),
                llm(House(), name="house", quality=0.6),
            ],
            policy="ordered",
        )
        chat = RoutedChatModel(router=router)
        for _ in range(2):  # the second time its provider has no capacity
            answer = chat.invoke("Is the sea calm?")
            print(f"{answer.text} ({answer.response_metadata['llmrouter']['target']})")

        # what LangChain found dead, LlamaIndex does not try
        answer = RoutedLLM(router=router).chat([ChatMessage("And now?")])
        print([attempt["target"] for attempt in answer.raw["llmrouter"]["attempts"]])
        yours.root_client.close()


if __name__ == "__main__":
    main()
