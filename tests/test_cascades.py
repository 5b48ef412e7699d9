"""A cascade end to end: the cheap answer where it holds, the dear one where it does not."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from llmrouter_integrations import Router
from llmrouter_integrations.cli.app import app
from llmrouter_integrations.testing import Reply


@pytest.fixture
def targets(simulator):
    for name in ("cheap", "dear"):
        simulator.script(name, Reply(name, output_tokens=300))
    return [
        simulator.target(
            provider,
            name,
            name=name,
            quality=quality,
            input_usd_per_mtok=0.0,
            output_usd_per_mtok=price,
        )
        for provider, name, quality, price in (
            ("openai", "dear", 0.95, 100.0),
            ("anthropic", "cheap", 0.8, 1.0),
        )
    ]


@pytest.mark.parametrize(
    ("holds", "asked"),
    [(("cheap", "dear"), ["cheap"]), (("dear",), ["cheap", "cheap", "dear"])],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_the_dear_one_is_asked_where_the_cheap_one_fails(targets, holds, asked, streamed):
    hints = {"verify": lambda answer: answer.text in holds, "cascade": 0.9}
    with Router(targets, value_usd=1.0, hints=hints) as router:
        whole = [*router.stream("Hello")][-1].response if streamed else router.complete("Hello")
        assert [a.target for a in whole.attempts] == asked
        assert whole.text == asked[-1]
        assert whole.decision.cascade.then == "dear"
        # without the hint, the best is asked at once
        assert router.complete("Hello", hints={"cascade": False}).target == "dear"


def test_explain_prints_the_price_of_money(tmp_path):
    file = tmp_path / "llmrouter.yaml"
    file.write_text(
        "models: [openai/gpt-5.4-mini]\n"
        "budgets: [{limit_usd: 1, period: day, pace: true, name: daily}]\n",
        encoding="utf-8",
    )
    told = CliRunner().invoke(app, ["explain", "Hello", "--config", str(file)])
    assert told.exit_code == 0, told.output
    assert "a dollar counts as one: budget 'daily' has 100% of its money" in told.output
