"""Labelled prompts: how well each of several models answered each of many prompts."""

from __future__ import annotations

import dataclasses
import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation.columns import Columns, LongColumns, columns_of, number
from llmrouter_integrations.evaluation.reading import open_rows
from llmrouter_integrations.evaluation.sampling import Record, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from llmrouter_integrations.evaluation.reading import Rows

__all__ = ["MAX_CHARACTERS", "MAX_ROWS", "LabelledTable", "read_table"]

MAX_ROWS = 200_000
"""More rows are sampled: by then an interval is a fifth of a percent wide."""
MAX_CHARACTERS = 256 * 1024 * 1024
"""Of all prompts together; with more, rows are sampled."""
_ROWS_BETWEEN_NEWS = 1000
_SLACK = 1e-9
_MOST_USD = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTable:
    """Prompts with the quality (and cost) of each model's answer, one row per prompt.

    Attributes:
        prompts: What was asked.
        models: Names of the models, the order of the columns of ``quality`` and ``cost``.
        quality: Rows by models, 0..1; NaN where an answer was not judged.
        cost: Rows by models, in dollars; NaN where not known. None: no costs at all.
        tasks: Each row's task, as the data calls it ("" where it says none); None: it has none.
        domains: Each row's domain or subject, likewise.
        name: What to call it in reports.
        notes: What the reader should know: rows left out, samples taken.
    """

    prompts: tuple[str, ...]
    models: tuple[str, ...]
    quality: NDArray[np.float64]
    cost: NDArray[np.float64] | None = None
    tasks: tuple[str, ...] | None = None
    domains: tuple[str, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.prompts), len(self.models))
        for field in ("quality", "cost"):
            figures = getattr(self, field)
            if figures is not None and figures.shape != shape:
                raise ValueError(f"{field} is {figures.shape}, not {shape} (prompts, models)")
        for field in ("tasks", "domains"):
            words = getattr(self, field)
            if words is not None and len(words) != shape[0]:
                raise ValueError(f"{len(words)} {field} for {shape[0]} prompts")

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def groups(self) -> tuple[str, ...] | None:
        """What the rows are grouped by: their tasks, else their domains, else nothing."""
        return self.tasks if self.tasks is not None else self.domains

    @property
    def known_cost(self) -> NDArray[np.float64]:
        """Its costs.

        Raises:
            ValueError: It has none.
        """
        if self.cost is None:
            raise ValueError(f"{self.name} has no costs")
        return self.cost

    def rows(self, index: ArrayLike) -> LabelledTable:
        """Give some of the rows, by number or by a mask of booleans, in the order asked."""
        chosen = np.arange(len(self))[np.asarray(index)]

        def pick(words: tuple[str, ...]) -> tuple[str, ...]:
            return tuple([words[row] for row in chosen])

        return dataclasses.replace(
            self,
            prompts=pick(self.prompts),
            quality=self.quality[chosen],
            cost=None if self.cost is None else self.cost[chosen],
            tasks=None if self.tasks is None else pick(self.tasks),
            domains=None if self.domains is None else pick(self.domains),
        )

    def columns(self, models: Sequence[str]) -> LabelledTable:
        """Give some of the models, in the order asked.

        Raises:
            ValueError: The table has no such model.
        """
        chosen = [self.models.index(model) for model in models]
        return dataclasses.replace(
            self,
            models=tuple(models),
            quality=self.quality[:, chosen],
            cost=None if self.cost is None else self.cost[:, chosen],
        )

    def noted(self, *notes: str) -> LabelledTable:
        """Give the same table with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def read_table(
    path: Path,
    *,
    max_rows: int = MAX_ROWS,
    max_characters: int = MAX_CHARACTERS,
    seed: int = 0,
    on_row: Callable[[int], None] | None = None,
) -> LabelledTable:
    """Read labelled prompts; :mod:`.columns` says what the columns may be called.

    The file is streamed. Where it holds more than fits, a uniform sample of its prompts is kept
    and the table's notes say so, so that memory is bounded however long the file is. Rows without
    a prompt or without any quality are left out, and noted.

    Args:
        path: .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet.
        max_rows: Most rows kept.
        max_characters: Most characters of prompts kept.
        seed: Of the sample.
        on_row: Told now and then how many rows were read.

    Raises:
        DatasetError: The file is not as it should be; names the line and the column.
        MissingColumnError: It has no prompt, or no quality.
    """
    rows = open_rows(path)
    columns = columns_of(rows)
    reader = _Reader(rows, columns, Sample(max_rows, max_characters, seed))
    for count, (line, cells) in enumerate(rows.read(), 1):
        reader.read(line, cells)
        if on_row is not None and count % _ROWS_BETWEEN_NEWS == 0:
            on_row(count)
    return reader.table()


class _Reader:
    """Takes a file's rows one by one, and makes the table of them."""

    def __init__(self, rows: Rows, columns: Columns | LongColumns, sample: Sample) -> None:
        self._path = rows.path
        self._header = rows.header
        self._columns = columns
        self._sample = sample
        self._without_prompt = 0
        self._without_label = 0
        self._by_prompt: dict[str, Record] = {}  # of the long form
        self._models: dict[str, None] = {}
        if isinstance(columns, Columns):
            self._models = dict.fromkeys(columns.quality)
        self._has_cost = bool(columns.cost) if isinstance(columns, Columns) else False

    def read(self, line: int, cells: Sequence[Any]) -> None:
        columns = self._columns
        prompt = cells[columns.prompt]
        if prompt is not None and not isinstance(prompt, str):
            raise DatasetError(
                f"{self._path}: line {line}, column {self._header[columns.prompt]!r}: "
                f"a prompt must be text, not {type(prompt).__name__}"
            )
        if not prompt or not prompt.strip():
            self._without_prompt += 1
            return
        # every row's figures are checked, also those of rows that are not kept
        if isinstance(columns, LongColumns):
            self._read_answer(line, cells, prompt, columns)
            return
        figures = array("d")
        figures.extend([self._quality(line, cells, place) for place in columns.quality.values()])
        if all(figure != figure for figure in figures):  # noqa: PLR0124  (NaN, cheaply)
            self._without_label += 1
            return
        if columns.cost:
            figures.extend(
                [self._cost(line, cells, columns.cost[name]) for name in columns.quality]
            )
        key = self._sample.has_room_for(prompt)
        if key is not None:
            self._sample.keep(key, self._record(prompt, cells, figures))

    def _read_answer(
        self, line: int, cells: Sequence[Any], prompt: str, columns: LongColumns
    ) -> None:
        model = str(cells[columns.model] or "").strip()
        if not model:
            raise DatasetError(f"{self._path}: line {line}: names no model")
        figure = self._quality(line, cells, columns.score)
        cost = float("nan") if columns.cost is None else self._cost(line, cells, columns.cost)
        self._models[model] = None
        self._has_cost = self._has_cost or cost == cost  # noqa: PLR0124  (not NaN)
        key = self._sample.has_room_for(prompt)
        if key is None:
            return
        record = self._by_prompt.get(prompt)
        if record is None:
            record = self._by_prompt[prompt] = self._record(prompt, cells, {})
            self._sample.keep(key, record)
        if model in record.figures:
            raise DatasetError(
                f"{self._path}: line {line}: a second answer of {model!r} to the same prompt"
            )
        record.figures[model] = (figure, cost)

    def _record(self, prompt: str, cells: Sequence[Any], figures: Any) -> Record:
        task, domain = [
            "" if place is None else sys.intern(str(cells[place] or "").strip())
            for place in (self._columns.task, self._columns.domain)
        ]
        return Record(prompt, task, domain, figures)

    def _figure(self, line: int, cells: Sequence[Any], place: int, wanted: str) -> float:
        try:
            return number(cells[place])
        except ValueError:
            raise self._fault(line, cells, place, wanted) from None

    def _fault(self, line: int, cells: Sequence[Any], place: int, wanted: str) -> DatasetError:
        said = str(cells[place])
        said = said if len(said) <= 40 else f"{said[:40]}..."
        return DatasetError(
            f"{self._path}: line {line}, column {self._header[place]!r}: {said!r} is not {wanted}"
        )

    def _quality(self, line: int, cells: Sequence[Any], place: int) -> float:
        wanted = "a quality of 0..1 (call quality columns quality:<model> and others are ignored)"
        figure = self._figure(line, cells, place, wanted)
        if figure < -_SLACK or figure > 1 + _SLACK:
            raise self._fault(line, cells, place, wanted)
        return figure

    def _cost(self, line: int, cells: Sequence[Any], place: int) -> float:
        wanted = f"a cost in dollars, 0..{_MOST_USD:g}"
        figure = self._figure(line, cells, place, wanted)
        if figure < 0 or figure > _MOST_USD:
            raise self._fault(line, cells, place, wanted)
        return figure

    def table(self) -> LabelledTable:
        """Give what was read.

        Raises:
            DatasetError: Nothing was left.
        """
        records = self._sample.records()
        columns = self._columns
        notes = list(columns.notes) if isinstance(columns, Columns) else []
        if self._without_prompt:
            notes.append(f"{self._without_prompt} rows without a prompt are left out")
        if self._without_label:
            notes.append(f"{self._without_label} rows without any quality are left out")
        if not records:
            raise DatasetError(
                f"{self._path}: no row has both a prompt and a quality"
                + (f" ({'; '.join(notes)})" if notes else "")
            )
        if self._sample.bar_was_lowered:
            notes.append(f"a sample of {len(records)} of {self._sample.seen} labelled rows")
        models = tuple(self._models)
        quality, cost = self._arrays(records, models)
        return LabelledTable(
            prompts=tuple([record.prompt for record in records]),
            models=models,
            quality=quality,
            cost=cost if self._has_cost else None,
            tasks=None if columns.task is None else tuple([r.task for r in records]),
            domains=None if columns.domain is None else tuple([r.domain for r in records]),
            name=self._path.name,
            notes=tuple(notes),
        )

    def _arrays(
        self, records: Sequence[Record], models: tuple[str, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if isinstance(self._columns, Columns):
            both = np.array([record.figures for record in records], dtype=np.float64)
            quality, cost = both[:, : len(models)], both[:, len(models) :]
        else:
            quality = np.full((len(records), len(models)), np.nan)
            cost = quality.copy()
            place = {model: column for column, model in enumerate(models)}
            for row, record in enumerate(records):
                for model, (figure, usd) in record.figures.items():
                    quality[row, place[model]] = figure
                    cost[row, place[model]] = usd
        return np.clip(quality, 0.0, 1.0), cost
