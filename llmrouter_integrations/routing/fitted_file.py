"""A fitted predictor in one file: arrays in NumPy's zip format, and JSON that says what they are.

Nothing in it is code and nothing is unpickled: a file from elsewhere can be wrong, not harmful.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from llmrouter_integrations.errors import FittedFileError
from llmrouter_integrations.routing.predictor import (
    FittedPredictor,
    Structure,
    TaskTable,
    Text,
    Weights,
)
from llmrouter_integrations.routing.text_features import BUCKETS, STRUCTURE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["FORMAT", "VERSION", "load", "save"]

FORMAT = "llmrouter fitted predictor"
VERSION = 1
"""Raised when the file's shape changes, or what is seen of a prompt (:mod:`.text_features`)."""
MAX_BYTES = 1 << 30
"""Of all arrays together, unpacked."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    NotImplementedError,  # a packing that zipfile does not know
    RuntimeError,  # it is encrypted
    TypeError,
    ValueError,
)
_STRUCTURE = ("centre", "spread", "bends", "measure", "ordinary", "strange")


def save(predictor: FittedPredictor, path: str | os.PathLike[str]) -> None:
    """Write a predictor to a file; one that stands there is replaced once all is written.

    Raises:
        FittedFileError: It cannot be written.
    """
    told = {
        "format": FORMAT,
        "version": VERSION,
        "models": predictor.models,
        "tasks": predictor.table.tasks,
        "sharpness": predictor.table.sharpness,
        "belonging": [predictor.table.stranger, predictor.table.member],
        "inferred": list(predictor.inferred),
        "told": list(predictor.told),
        "shared_lines": sorted(predictor.text.shared_lines),
        "notes": predictor.notes,
    }
    arrays = {
        "about": np.frombuffer(orjson.dumps(told), np.uint8),
        "level": predictor.level,
        "learned": predictor.learned,
        "follow": predictor.follow,
        # as it was rounded when it was learned: nothing is lost
        "by_word": predictor.text.by_word.astype(np.float16),
        "by_structure": predictor.text.by_structure,
        "quality": predictor.table.quality,
        **{name: getattr(predictor.structure, name) for name in _STRUCTURE},
    }
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as opened:
            np.savez_compressed(opened, **arrays)
        part.replace(target)
    except OSError as error:
        raise FittedFileError(f"{target}: cannot be written: {error.strerror or error}") from error


def load(path: str | os.PathLike[str]) -> FittedPredictor:
    """Read a predictor that :func:`save` wrote.

    Raises:
        FittedFileError: There is no such file, it is damaged, it is of another kind, or a newer
            version wrote it.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(member.file_size for member in packed.infolist()) > MAX_BYTES:
                raise FittedFileError(f"{path}: holds more than {MAX_BYTES >> 20} MiB")
        with np.load(path, allow_pickle=False) as found:
            told = _about(found, path)
            arrays = {name: found[name] for name in found.files if name != "about"}
        return _predictor(told, arrays)
    except FileNotFoundError:
        raise FittedFileError(f"{path}: there is no such file; llmrouter fit writes one") from None
    except OSError as error:
        raise FittedFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise FittedFileError(f"{path}: is damaged, or no fitted predictor: {error}") from error


def _about(found: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]) -> dict[str, Any]:
    if "about" not in found:
        raise ValueError("it says nothing about itself")
    told = orjson.loads(found["about"].tobytes())
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError("it is of another format")
    if told["version"] != VERSION:
        raise FittedFileError(
            f"{path}: is of version {told['version']}, and this release reads version {VERSION}: "
            "fit it again, or use the release that wrote it"
        )
    return told


def _predictor(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> FittedPredictor:
    models, tasks = tuple(told["models"]), tuple(told["tasks"])
    learned = arrays["learned"]
    columns = len(tasks) + 1 + len(learned)
    features = len(STRUCTURE)
    bends = len(arrays["bends"])
    wanted = {
        "level": (len(models),),
        "follow": (len(learned), len(models)),
        "by_word": (BUCKETS, columns + 2),
        "by_structure": ((1 + bends) * features, columns),
        "quality": (len(tasks), len(learned)),
        "centre": (features,),
        "spread": (features,),
        "bends": (bends, features),
        "measure": (features, features),
        "ordinary": (2,),
        "strange": (2,),
    }
    for name, shape in wanted.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not numbers {shape}")
        # what never varied has an infinite spread
        if np.isnan(array).any() or (name != "spread" and np.isinf(array).any()):
            raise ValueError(f"{name} holds what is no number")
    if (
        not len(learned)
        or learned.dtype.kind != "i"
        or ((learned < 0) | (learned >= len(models))).any()
    ):
        raise ValueError("it was learned of no model")
    if (arrays["strange"] <= arrays["ordinary"]).any() or (arrays["spread"] <= 0).any():
        raise ValueError("its figures contradict each other")
    return FittedPredictor(
        models=models,
        level=arrays["level"],
        learned=learned,
        follow=arrays["follow"],
        text=Text(
            frozenset(told["shared_lines"]),
            arrays["by_word"].astype(np.float32),
            arrays["by_structure"],
        ),
        table=TaskTable(
            tasks, arrays["quality"], float(told["sharpness"]), *map(float, told["belonging"])
        ),
        structure=Structure(**{name: arrays[name] for name in _STRUCTURE}),
        inferred=Weights(*map(float, told["inferred"])),
        told=Weights(*map(float, told["told"])),
        notes=tuple(told["notes"]),
    )
