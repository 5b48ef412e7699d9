"""Opens files of labels as a stream of rows: CSV, TSV, JSON lines and parquet; gzip too.

One row is held at a time, so a file of a million rows costs no more memory than one of ten.
"""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from llmrouter_integrations.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["MAX_CELL_CHARACTERS", "Rows", "open_rows"]

MAX_CELL_CHARACTERS = 64 * 1024 * 1024
"""A longer cell is taken for a quotation mark that was never closed."""

_NESTED = {
    "quality": "quality",
    "qualities": "quality",
    "score": "quality",
    "scores": "quality",
    "cost": "cost",
    "costs": "cost",
}
"""Of JSON lines: a key whose object maps models to figures, and the prefix its columns get."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A file of rows that may be read again and again.

    Attributes:
        path: The file.
        header: Its columns.
        read: Gives each row as its first line's number and its cells, in the header's order.
            Raises :class:`~.errors.DatasetError` naming the line.
    """

    path: Path
    header: tuple[str, ...]
    read: Callable[[], Iterator[tuple[int, Sequence[Any]]]]


def open_rows(path: Path) -> Rows:
    """Open a file by its ending: .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet.

    Raises:
        DatasetError: There is no such file, it is none of these, it is empty, or it is parquet
            and pyarrow is not installed.
    """
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if not path.is_file():
        raise DatasetError(f"{path}: {'is no file' if path.exists() else 'no such file'}")
    if kind in ("csv", "tsv"):
        return _csv(path, "\t" if kind == "tsv" else ",")
    if kind in ("jsonl", "ndjson"):
        return _json_lines(path)
    if kind == "parquet":
        return _parquet(path)
    raise DatasetError(f"{path}: must be .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet")


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as binary:
        # a byte order mark, which Excel writes, is no part of the first column's name
        text = io.TextIOWrapper(cast("Any", binary), encoding="utf-8-sig", newline="")
        try:
            yield text
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path}: is not UTF-8 text ({error.reason})") from error
        except (OSError, EOFError) as error:
            raise DatasetError(f"{path}: cannot be read: {error}") from error


def _csv(path: Path, delimiter: str) -> Rows:
    def lines() -> Iterator[tuple[int, list[str]]]:
        with _text(path) as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            begins = 1
            while True:
                usual = csv.field_size_limit(MAX_CELL_CHARACTERS)  # of the whole process
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    raise DatasetError(f"{path}: line {begins}: {error}") from error
                finally:
                    csv.field_size_limit(usual)
                if cells is None:
                    return
                if cells:
                    yield begins, cells
                begins = reader.line_num + 1

    header = next(lines(), (0, None))[1]
    if header is None:
        raise DatasetError(f"{path}: is empty")
    names = _unlike(path, tuple([name.strip() for name in header]))

    def read() -> Iterator[tuple[int, list[str]]]:
        rows = lines()
        next(rows)
        for line, cells in rows:
            if len(cells) != len(names):
                raise DatasetError(
                    f"{path}: line {line}: has {len(cells)} cells where the header has "
                    f"{len(names)} columns"
                )
            yield line, cells

    return Rows(path, names, read)


def _json_lines(path: Path) -> Rows:
    def objects() -> Iterator[tuple[int, dict[str, Any]]]:
        with _text(path) as file:
            for line, text in enumerate(file, 1):
                if not text.strip():
                    continue
                try:
                    said = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    raise DatasetError(f"{path}: line {line}: is not JSON: {error}") from error
                if not isinstance(said, dict):
                    raise DatasetError(f"{path}: line {line}: is not a JSON object")
                yield line, _flat(said)

    # a model that no row of the beginning names may be named further on
    names = tuple(dict.fromkeys(key for _, said in objects() for key in said))
    if not names:
        raise DatasetError(f"{path}: is empty")

    def read() -> Iterator[tuple[int, list[Any]]]:
        for line, said in objects():
            yield line, [said.get(name) for name in names]

    return Rows(path, names, read)


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in said.items():
        if isinstance(value, dict) and (prefix := _NESTED.get(key)):
            flat.update({f"{prefix}:{model}": figure for model, figure in value.items()})
        else:
            flat[key] = value
    return flat


def _parquet(path: Path) -> Rows:
    try:
        from pyarrow import lib, parquet
    except ModuleNotFoundError as error:
        raise DatasetError(f"{path}: reading parquet needs pyarrow: pip install pyarrow") from error
    try:
        names = _unlike(path, tuple(parquet.read_schema(path).names))
    except (OSError, lib.ArrowException) as error:
        raise DatasetError(f"{path}: is no readable parquet file: {error}") from error

    def read() -> Iterator[tuple[int, tuple[Any, ...]]]:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for cells in zip(*[column.to_pylist() for column in batch.columns], strict=True):
                    number += 1
                    yield number, cells

    return Rows(path, names, read)


def _unlike(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DatasetError(f"{path}: line 1: two columns are called {name!r}")
    return names
