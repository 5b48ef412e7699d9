"""Reads LiveBench's published tables: scores, real dollars and output tokens, per task and model.

LiveBench (https://livebench.ai) averages twice: over the tasks of a category, then over the
categories. So do we: in every figure each task of a category counts alike.
"""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

__all__ = ["VENDOR_MODELS", "LiveBench", "Run", "read", "read_categories", "split_effort"]

VENDOR_MODELS: Mapping[str, str] = {
    "claude-fable-5": "anthropic/claude-fable-5",
    "claude-opus-4-5-20251101": "anthropic/claude-opus-4-5",
    "claude-opus-4-6": "anthropic/claude-opus-4-6",
    "claude-opus-4-7": "anthropic/claude-opus-4-7",
    "claude-opus-4-8": "anthropic/claude-opus-4-8",
    "claude-opus-5": "anthropic/claude-opus-5",
    "claude-sonnet-4-6": "anthropic/claude-sonnet-4-6",
    "claude-sonnet-5": "anthropic/claude-sonnet-5",
    "deepseek-v4-flash": "deepseek/deepseek-v4-flash",
    "deepseek-v4-flash-0731": "deepseek/deepseek-v4-flash-0731",
    "deepseek-v4-flash-vision-exp": "deepseek/deepseek-v4-flash-vision-exp",
    "deepseek-v4-pro": "deepseek/deepseek-v4-pro",
    "deepseek-v4-pro-0813": "deepseek/deepseek-v4-pro-0813",
    "gemini-3.1-pro-preview": "google/gemini-3.1-pro-preview",
    "gemini-3.5-flash": "google/gemini-3.5-flash",
    "gemini-3.5-flash-lite": "google/gemini-3.5-flash-lite",
    "gemini-3.6-flash": "google/gemini-3.6-flash",
    "gemini-3.7-flash": "google/gemini-3.7-flash",
    "glm-5.2": "zhipuai/glm-5.2",
    "gpt-5.2-2025-12-11": "openai/gpt-5.2",
    "gpt-5.2-codex": "openai/gpt-5.2-codex",
    "gpt-5.4": "openai/gpt-5.4",
    "gpt-5.4-mini": "openai/gpt-5.4-mini",
    "gpt-5.4-nano": "openai/gpt-5.4-nano",
    "gpt-5.5": "openai/gpt-5.5",
    "gpt-5.6-luna": "openai/gpt-5.6-luna",
    "gpt-5.6-sol": "openai/gpt-5.6-sol",
    "gpt-5.6-terra": "openai/gpt-5.6-terra",
    "grok-4.3": "xai/grok-4.3",
    "grok-4.5": "xai/grok-4.5",
    "grok-4.6": "xai/grok-4.6",
    "grok-build-0.1": "xai/grok-build-0.1",
    "inkling": "thinkingmachines/inkling",
    "kimi-k2.6-thinking": "moonshotai/kimi-k2.6",
    "kimi-k2.7-code": "moonshotai/kimi-k2.7-code",
    "kimi-k3": "moonshotai/kimi-k3",
    "minimax-m3": "minimax/MiniMax-M3",
    "muse-spark-1.1": "meta/muse-spark-1.1",
    "muse-spark-1.2": "meta/muse-spark-1.2",
    "qwen3.6-27b": "alibaba/qwen3.6-27b",
    "qwen3.6-plus": "alibaba/qwen3.6-plus",
    "qwen3.7-max": "alibaba/qwen3.7-max",
    "qwen3.8-27b": "alibaba/qwen3.8-27b",
    "qwen3.8-max": "alibaba/qwen3.8-max",
}
"""LiveBench's name without the effort, to ``vendor/model``. Models newer than the models.dev
snapshot are named as models.dev would. "ox-alpha" (an anonymous preview) and "smaug-agentic" (not
offered by any provider we know) are left unmapped on purpose."""

_EFFORT = re.compile(
    r"-(?:thinking-(?:auto|\d+k)-)?(?P<effort>max|xhigh|high|medium|low|minimal|none)(?:-effort)?$"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One model's figures by LiveBench category, each category's tasks weighted alike.

    Attributes:
        name: LiveBench's name, effort included.
        scores: Category to score, 0..1.
        tokens: Category to output tokens per question; empty where no cost is published.
        usd: Category to dollars per question; empty too where every price was 0 (a free preview).
        by_task: Category to the scores of its tasks, 0..1, in the order of the category file.
    """

    name: str
    scores: Mapping[str, float]
    tokens: Mapping[str, float] = field(default_factory=dict)
    usd: Mapping[str, float] = field(default_factory=dict)
    by_task: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveBench:
    """A release's runs.

    Attributes:
        release: Date of the question set, ISO.
        runs: Each model and effort, in the table's order.
        without_cost: Runs that the cost table lacks.
        without_scores: Names that only the cost table has.
    """

    release: str
    runs: tuple[Run, ...]
    without_cost: tuple[str, ...] = ()
    without_scores: tuple[str, ...] = ()


def split_effort(name: str, known: Collection[str] = VENDOR_MODELS) -> tuple[str, str | None]:
    """Split LiveBench's name into the model's and the reasoning effort it ran at.

    ``gpt-5.6-sol-max`` ran at effort "max", but ``qwen3.8-max`` is a model: a name that is
    ``known`` whole is not split.
    """
    if name in known or (found := _EFFORT.search(name)) is None:
        return name, None
    return name[: found.start()], found["effort"]


def read(directory: Path, *, tasks: Collection[str] | None = None) -> LiveBench:
    """Read the newest release in a directory: its score, cost and category files.

    Args:
        directory: Holds ``*table_<date>.csv``, ``*cost_<date>.csv`` and
            ``*categories_<date>.json``, as LiveBench's site repository does.
        tasks: Use only these LiveBench tasks (to hold the others out); None: all.

    Raises:
        ConfigurationError: A file is missing or not as it should be; the message names file, row
            and column.
    """
    table, release = _newest(directory, "table", "csv")
    categories = _categories(_same(directory, "categories", release, "json"), tasks)
    scores = _rows(table)
    costs = _rows(_same(directory, "cost", release, "csv"))
    runs = tuple(_run(row, costs.get(name), categories) for name, row in scores.items())
    return LiveBench(
        release.replace("_", "-"),
        runs,
        tuple(name for name in scores if name not in costs),
        tuple(name for name in costs if name not in scores),
    )


def read_categories(directory: Path) -> dict[str, list[str]]:
    """Read which tasks belong to which category in the newest release of a directory.

    Raises:
        ConfigurationError: The file is missing or not as it should be.
    """
    _, release = _newest(directory, "table", "csv")
    return _categories(_same(directory, "categories", release, "json"), None)


@dataclass(frozen=True, slots=True)
class _Row:
    path: Path
    name: str
    cells: Mapping[str, str | None]

    def number(self, column: str, *, least: float = 0, most: float = math.inf) -> float:
        if column not in self.cells:
            raise ConfigurationError(f"{self.path}: has no column {column!r}")
        said = self.cells[column]
        try:
            value = float(said or "")
        except ValueError:
            value = math.nan
        if not least <= value <= most or value == math.inf:
            span = f"{least:g} to {most:g}" if most < math.inf else f"at least {least:g}"
            raise ConfigurationError(
                f"{self.path}: row {self.name!r}, column {column!r}: {said!r} is not {span}"
            )
        return value


def _run(row: _Row, cost: _Row | None, categories: Mapping[str, list[str]]) -> Run:
    scores: dict[str, float] = {}
    tokens: dict[str, float] = {}
    usd: dict[str, float] = {}
    by_task: dict[str, tuple[float, ...]] = {}
    for category, tasks in categories.items():
        by_task[category] = tuple([row.number(task, most=100) / 100 for task in tasks])
        scores[category] = round(_mean(by_task[category]), 4)
        if cost is not None:
            tokens[category] = round(_mean([cost.number(f"out_{task}") for task in tasks]))
            each = [cost.number(task) / cost.number(f"nq_{task}", least=1) for task in tasks]
            usd[category] = round(_mean(each), 6)
    return Run(row.name, scores, tokens, usd if any(usd.values()) else {}, by_task)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _newest(directory: Path, kind: str, suffix: str) -> tuple[Path, str]:
    dated = re.compile(rf"{kind}_(\d{{4}}_\d\d_\d\d)\.{suffix}$")
    if not directory.is_dir():
        raise ConfigurationError(f"{directory}: is no directory of LiveBench tables")
    found = [(m[1], path) for path in directory.iterdir() if (m := dated.search(path.name))]
    if not found:
        raise ConfigurationError(f"{directory}: holds no LiveBench *{kind}_<date>.{suffix}")
    release, path = max(found)
    return path, release


def _same(directory: Path, kind: str, release: str, suffix: str) -> Path:
    name = f"{kind}_{release}.{suffix}"
    for path in directory.iterdir():
        if path.name.endswith(name):
            return path
    raise ConfigurationError(f"{directory}: holds no *{name} beside the score table")


def _categories(path: Path, only: Collection[str] | None) -> dict[str, list[str]]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: is not JSON: {error}") from error
    lists = isinstance(said, dict) and all(
        isinstance(tasks, list) and tasks and all(isinstance(task, str) for task in tasks)
        for tasks in said.values()
    )
    if not said or not lists:
        raise ConfigurationError(f"{path}: must map each category to a list of tasks")
    kept = {
        category: [task for task in tasks if only is None or task in only]
        for category, tasks in said.items()
    }
    return {category: tasks for category, tasks in kept.items() if tasks}


def _rows(path: Path) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if "model" not in (reader.fieldnames or ()):
                raise ConfigurationError(f"{path}: has no column 'model'")
            for cells in reader:
                name = cells["model"]
                if not name or name in rows:
                    fault = f"names {name!r} a second time" if name else "names no model"
                    raise ConfigurationError(f"{path}: line {reader.line_num}: {fault}")
                rows[name] = _Row(path, name, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path}: is no readable CSV: {error}") from error
    return rows
