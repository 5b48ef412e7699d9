"""``llmrouter demo``: an agent at work over several providers, offline.

The providers are simulated on loopback: the requests, the failover and the bill are real, the
answers are written below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from llmrouter_integrations.catalog import bill
from llmrouter_integrations.cli.options import NARROW, AsJson, Config, console
from llmrouter_integrations.config import RouterConfig, split_model
from llmrouter_integrations.errors import MissingExtraError
from llmrouter_integrations.messages import Usage
from llmrouter_integrations.router import Router
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply, ToolCall

if TYPE_CHECKING:
    from llmrouter_integrations.testing import SimRequest

MODELS = (
    "openai/gpt-5.6-luna",
    "anthropic/claude-fable-5",
    "google/gemini-3.7-flash",
)


@dataclass(frozen=True, slots=True)
class _Task:
    """One thing the agent is asked, and what a model would do about it."""

    question: str
    hints: dict[str, Any]
    answer: str
    output_tokens: int
    call: ToolCall | None = None


TASKS = (
    _Task(
        "Write a Python function that removes duplicates from a list and keeps the order.",
        {"llmrouter_task": "code"},
        "def unique(items):\n    return list(dict.fromkeys(items))",
        420,
    ),
    _Task(
        "What is 17% of 4,350, plus 12? Use the calculator.",
        {"llmrouter_task": "math", "llmrouter_value_usd": 10.0},
        "17% of 4,350 is 739.5; plus 12 that is 751.5.",
        310,
        ToolCall("calculator", {"expression": "4350 * 0.17 + 12"}),
    ),
    _Task(
        "Summarize the third-quarter report in one sentence.",
        {"llmrouter_task": "summarization"},
        "Revenue grew 12% to $4.1M on subscriptions, while support costs doubled.",
        260,
        ToolCall("read_report", {"quarter": "Q3"}),
    ),
    _Task(
        "Say thank you to the team, in two lines.",
        {"llmrouter_task": "creative"},
        "You carried the quarter on your backs,\nand still found time to laugh. Thank you.",
        180,
    ),
)


@dataclass(slots=True)
class _Row:
    """What came of one task."""

    task: _Task
    answer: str
    why: str
    usage: list[Usage] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    cost_usd: float = 0.0


def demo(*, config: Config = None, as_json: AsJson = False) -> None:
    """Run a tool-using LangChain agent over four tasks while one provider breaks down, offline.

    With --config: over the models configured there, simulated.
    """
    configured = RouterConfig.load(config).models if config is not None else None
    models = MODELS if configured is None else [target.model for target in configured]
    players = _Players()
    with ProviderSimulator() as providers:
        providers.default(players.answer)
        targets = [providers.target(*split_model(model)) for model in dict.fromkeys(models)]
        with Router(targets) as router:
            rows = [_work(router, task) for task in TASKS]
            best, single_usd = _best_single(router, rows)
    if as_json:
        typer.echo(orjson.dumps(_plain(rows, best, single_usd)).decode())
        return
    _show(rows, best, single_usd, players.broken or "", console())


class _Players:
    """Plays every model. Whoever takes the first step of the third task breaks down after it."""

    def __init__(self) -> None:
        self.broken: str | None = None

    def answer(self, request: SimRequest) -> Reply | Fault:
        """Call the task's tool, then answer."""
        if request.provider == self.broken:
            return Fault.status(503)
        task = next(t for t in TASKS if any(t.question in text for _, text in request.messages))
        if task.call is not None and not request.tool_results:
            if task is TASKS[2]:
                self.broken = request.provider
            return Reply(tool_calls=(task.call,), output_tokens=60)
        return Reply(task.answer, output_tokens=task.output_tokens)


def _work(router: Router, task: _Task) -> _Row:
    try:
        from langchain.agents import create_agent
    except ModuleNotFoundError as error:
        raise MissingExtraError("The demo's agent", "demo", error.name) from None
    from llmrouter_integrations.langchain import RoutedChatModel

    hints = {key.removeprefix("llmrouter_"): value for key, value in task.hints.items()}
    decision = router.explain(task.question, hints=hints)
    chosen = decision.chosen
    why = f"P(good) {chosen.quality:.2f} for about ${chosen.cost_usd:.4f}"
    if len(decision.ranked) > 1:
        why += (
            f"; {decision.candidates[1].target} lost by ${decision.candidates[1].lost_by_usd:.4f}"
        )

    agent: Any = create_agent(RoutedChatModel(router=router), tools=[calculator, read_report])
    result = agent.invoke(
        {"messages": [{"role": "user", "content": task.question}]},
        config={"metadata": task.hints},
    )
    row = _Row(task, result["messages"][-1].text, why)
    for message in result["messages"]:
        record = message.response_metadata.get("llmrouter")
        if record is None:
            continue
        row.attempts.extend(record["attempts"])
        row.cost_usd += record["cost_usd"] or 0.0
        spent = message.usage_metadata
        row.usage.append(Usage(spent["input_tokens"], spent["output_tokens"]))
    return row


def calculator(expression: str) -> str:
    """Work out an arithmetic expression."""
    import ast
    import operator

    steps = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }

    def value(node: ast.AST) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in steps:
            return float(steps[type(node.op)](value(node.left), value(node.right)))
        raise ValueError(f"not plain arithmetic: {expression!r}")

    return f"{value(ast.parse(expression, mode='eval').body):g}"


def read_report(quarter: str) -> str:
    """Read the company's report of a quarter."""
    return (
        f"{quarter} report. Revenue rose 12% to $4.1M, led by subscriptions. Support costs "
        "doubled after the migration. Churn was flat at 2.1%."
    )


def _best_single(router: Router, rows: list[_Row]) -> tuple[str, float]:
    """Give the model that is best over these tasks, and its bill for the same tokens."""
    quality: dict[str, float] = {}
    for row in rows:
        hints = {"task": row.task.hints["llmrouter_task"]}
        for candidate in router.explain(row.task.question, hints=hints).candidates:
            quality[candidate.target] = quality.get(candidate.target, 0.0) + candidate.quality
    best = max(quality, key=quality.__getitem__)
    provider, model = best.split("/", 1)
    bills = [bill(usage, provider=provider, model=model) for row in rows for usage in row.usage]
    return best, sum(b.usd for b in bills if b is not None)


def _told(attempt: dict[str, Any]) -> str:
    failed = f" [red]failed: {attempt['error']}[/]" if attempt["outcome"] != "ok" else ""
    return f"{attempt['target']}{failed}"


def _show(rows: list[_Row], best: str, single_usd: float, broken: str, out: Console) -> None:
    out.print(
        "[b]One LangChain agent, four tasks, several providers[/] "
        "(simulated here, offline; prices and scores are real)\n"
        f"[dim]{broken} breaks down in the middle of the third task.[/]\n",
        highlight=False,
    )
    if out.width < NARROW:
        for row in rows:
            _tell(row, out)
    else:
        out.print(_table(rows))
    spent = sum(row.cost_usd for row in rows)
    out.print(
        f"The router spent [b]${spent:.5f}[/]. The best single model for these tasks, {best}, "
        f"would have cost [b]${single_usd:.5f}[/] for the same tokens.",
        highlight=False,
    )


def _tell(row: _Row, out: Console) -> None:
    out.print(f"[b]{row.task.hints['llmrouter_task']}[/]: {row.task.question}", highlight=False)
    for attempt in row.attempts:
        out.print(f"  asked {_told(attempt)}", highlight=False)
    out.print(f"  why the first: {row.why}", style="dim", highlight=False)
    out.print(f"  {row.answer} (${row.cost_usd:.5f})\n", highlight=False)


def _table(rows: list[_Row]) -> Table:
    table = Table(show_lines=True, header_style="bold")
    table.add_column("task", ratio=3)
    table.add_column("who was asked, in order", ratio=3)
    table.add_column("why the first", ratio=3)
    table.add_column("answer", ratio=3)
    table.add_column("cost", justify="right")
    for row in rows:
        hinted = row.task.hints["llmrouter_task"]
        table.add_row(
            f"[b]{hinted}[/]: {row.task.question}",
            "\n".join(_told(a) for a in row.attempts),
            row.why,
            row.answer,
            f"${row.cost_usd:.5f}",
        )
    return table


def _plain(rows: list[_Row], best: str, single_usd: float) -> dict[str, Any]:
    return {
        "tasks": [
            {
                "task": row.task.hints["llmrouter_task"],
                "question": row.task.question,
                "answer": row.answer,
                "why": row.why,
                "attempts": row.attempts,
                "cost_usd": row.cost_usd,
            }
            for row in rows
        ],
        "cost_usd": sum(row.cost_usd for row in rows),
        "best_single_model": {"target": best, "cost_usd": single_usd},
    }
