"""An answer that fits a pydantic class, in whatever form each vendor does that.

python examples/structured_output.py
"""

from __future__ import annotations

from _providers import providers
from pydantic import BaseModel

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Reply

MODELS = ["openai/gpt-5.6-luna", "google/gemini-3.7-flash"]
INVOICE = Reply('{"seller": "Fjord AS", "total_usd": 129.5}')


class Invoice(BaseModel):
    """An invoice's gist."""

    seller: str
    total_usd: float


def main() -> None:
    with providers(MODELS, openai=[INVOICE], google=[INVOICE]) as models:
        llm = RoutedChatModel(models=models)
        invoice = llm.with_structured_output(Invoice).invoke(
            "Fjord AS, two lamps and shipping, $129.50 in all."
        )
    print(repr(invoice))


if __name__ == "__main__":
    main()
