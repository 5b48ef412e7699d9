"""Which column of a file of labels means what.

===============================  ==================================================
column                           read as
===============================  ==================================================
prompt, query                    what was asked
task, task_name, eval_name       the row's task
domain, subject                  its domain
quality:<model>, score:<model>   how good the model's answer was, 0..1 or true/false
cost:<model>, <model>|total_cost what it cost, in dollars
s, w                             quality of the strong and of the weak model (RouteLLM)
any other column of numbers      quality of the model of that name, unless there are
                                 ``quality:`` columns, or ``s`` and ``w``
model (or model_name) with       one row per answer instead of one per prompt
score, quality or performance    (the long form, LLMRouter's own)
===============================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import DatasetError, MissingColumnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.evaluation.reading import Rows

__all__ = ["Columns", "LongColumns", "columns_of", "number"]

_PROMPT = ("prompt", "query")
_TASK = ("task", "task_name", "eval_name")
_DOMAIN = ("domain", "subject")
_LONG_MODEL = ("model", "model_name")
_LONG_SCORE = ("score", "quality", "performance")
_LONG_COST = ("cost", "cost_usd", "total_cost")
_QUALITY_PREFIXES = ("quality:", "score:")
_COST_PREFIX = "cost:"
_COST_SUFFIX = "|total_cost"
_NO_MODELS = frozenset({"", "id", "sample_id", "index", "split", "unnamed: 0", "embedding_id"})
_ROWS_TO_JUDGE_BY = 200
_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a"})
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Columns:
    """The places of the columns in a file with one row per prompt.

    Attributes:
        prompt: Place of what was asked.
        task: Place of the task, if there is one.
        domain: Place of the domain, if there is one.
        quality: Model to the place of its quality.
        cost: Model to the place of its cost; all models, or none.
        notes: Columns left out that a reader may miss.
    """

    prompt: int
    task: int | None
    domain: int | None
    quality: Mapping[str, int]
    cost: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LongColumns:
    """The places of the columns in a file with one row per answer."""

    prompt: int
    task: int | None
    domain: int | None
    model: int
    score: int
    cost: int | None


def columns_of(rows: Rows) -> Columns | LongColumns:
    """Tell what each column of a file is.

    Raises:
        MissingColumnError: There is no prompt, or no quality.
        DatasetError: A cost column names a model that has no quality column.
    """
    names = {name.lower(): place for place, name in reversed(list(enumerate(rows.header)))}
    prompt = _first(names, _PROMPT)
    if prompt is None:
        raise MissingColumnError(_missing(rows, "'prompt'"))
    task, domain = _first(names, _TASK), _first(names, _DOMAIN)
    model, score = _first(names, _LONG_MODEL), _first(names, _LONG_SCORE)
    if model is not None and score is not None:
        return LongColumns(prompt, task, domain, model, score, _first(names, _LONG_COST))

    taken = {names[name] for name in (*_PROMPT, *_TASK, *_DOMAIN) if name in names}
    cost: dict[str, int] = {}
    quality: dict[str, int] = {}
    bare: dict[str, int] = {}
    for place, name in enumerate(rows.header):
        if place in taken or name.lower() in _NO_MODELS:
            continue
        if name.startswith(_COST_PREFIX):
            cost[name.removeprefix(_COST_PREFIX)] = place
        elif name.endswith(_COST_SUFFIX):
            cost[name.removesuffix(_COST_SUFFIX)] = place
        elif prefix := next((p for p in _QUALITY_PREFIXES if name.startswith(p)), None):
            quality[name.removeprefix(prefix)] = place
        else:
            bare[name] = place
    notes: list[str] = []
    if not quality and {"s", "w"} <= bare.keys():
        quality = {name: bare[name] for name in ("s", "w")}
    if not quality:
        quality = _numeric(rows, bare, notes)
    if not quality:
        raise MissingColumnError(_missing(rows, "of numbers for any model's quality"))
    if cost:
        if strays := sorted(cost.keys() - quality.keys()):
            raise DatasetError(
                f"{rows.path}: line 1: cost of {strays[0]!r}, which has no quality column; "
                f"qualities are of {', '.join(quality)}"
            )
        for name in quality.keys() - cost.keys():
            notes.append(f"model {name!r} is left out: it has no cost column and others have")
            del quality[name]
    return Columns(prompt, task, domain, quality, cost, tuple(notes))


def number(cell: Any) -> float:
    """Read a figure: a number, true or false; NaN where there is none.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(cell, str):
        word = cell.strip().lower()
        if word in _NOTHING:
            return float("nan")
        return _TRUTH[word] if word in _TRUTH else float(word)
    if cell is None:
        return float("nan")
    if isinstance(cell, float | int):
        return float(cell)
    raise ValueError(cell)


def _first(names: Mapping[str, int], wanted: tuple[str, ...]) -> int | None:
    return next((names[name] for name in wanted if name in names), None)


def _numeric(rows: Rows, bare: Mapping[str, int], notes: list[str]) -> dict[str, int]:
    """Give the columns that hold a number anywhere in the first rows."""
    numeric = dict.fromkeys(bare, False)
    for row, (_, cells) in enumerate(rows.read()):
        if row == _ROWS_TO_JUDGE_BY:
            break
        for name, place in bare.items():
            numeric[name] = numeric[name] or _is_number(cells[place])
    if texts := [name for name, found in numeric.items() if not found]:
        notes.append(f"columns without numbers are left out: {', '.join(texts)}")
    return {name: place for name, place in bare.items() if numeric[name]}


def _is_number(cell: Any) -> bool:
    try:
        value = number(cell)
    except ValueError:
        return False
    return value == value  # noqa: PLR0124  (NaN is no number found)


def _missing(rows: Rows, what: str) -> str:
    said = f"{rows.path}: line 1: no column {what}; the columns are {', '.join(rows.header)}"
    if len(rows.header) == 1 and ";" in rows.header[0]:
        said += "; it looks as if cells were separated by ';': write commas, or tabs in a .tsv"
    return said
