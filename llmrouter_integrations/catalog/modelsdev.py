"""Reads models.dev's format: trees of TOML files, one per model and one per model and provider.

A tree is a directory, or a ``.tar.gz`` of one, which is read in memory and never unpacked.
"""

from __future__ import annotations

import math
import tarfile
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "read_models", "read_providers"]

MOST_FILES = 50_000
MOST_BYTES_PER_FILE = 1 << 20
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One TOML file. Its readers give None for an absent field and refuse a field of another type.

    Attributes:
        where: Archive or directory, and the file in it: for messages.
        data: The parsed table.
    """

    where: str
    data: dict[str, Any]

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.data
        for key in path:
            if value is None:
                return None
            if not isinstance(value, dict):
                raise self.fault(path, f"lies in {value!r}, which is no table")
            value = value.get(key)
        return value

    def fault(self, path: tuple[str, ...], what: str) -> ConfigurationError:
        """The error for a field that is not what it should be."""
        return ConfigurationError(f"{self.where}: field {'.'.join(path)} {what}")

    def text(self, *path: str) -> str | None:
        """A string."""
        value = self._at(path)
        if value is None or isinstance(value, str):
            return value
        raise self.fault(path, f"must be text, not {value!r}")

    def flag(self, *path: str) -> bool | None:
        """A boolean."""
        value = self._at(path)
        if value is None or isinstance(value, bool):
            return value
        raise self.fault(path, f"must be true or false, not {value!r}")

    def number(self, *path: str) -> float | None:
        """A finite number of at least 0."""
        value = self._at(path)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value < math.inf
        ):
            raise self.fault(path, f"must be a number of at least 0, not {value!r}")
        return value

    def tokens(self, *path: str) -> int | None:
        """A count of tokens; 0 is how models.dev says "none stated"."""
        value = self.number(*path)
        return int(value) if value else None

    def texts(self, *path: str) -> list[str] | None:
        """A list of strings."""
        value = self._at(path)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise self.fault(path, f"must be a list of texts, not {value!r}")

    def tables(self, *path: str) -> list[Entry]:
        """A list of tables, each as an entry of its own."""
        value = self._at(path)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            name = ".".join(path)
            return [Entry(f"{self.where}: {name}[{i}]", item) for i, item in enumerate(value)]
        raise self.fault(path, f"must be a list of tables, not {value!r}")


def read_models(source: Path) -> dict[str, Entry]:
    """Read the models tree: ``vendor/model`` to its file.

    Raises:
        ConfigurationError: The tree is missing, is no archive, or holds a file that is no TOML;
            the message names the file.
    """
    found: dict[str, Entry] = {}
    for path, entry in _entries(source):
        parts = path.parts[1:] if path.parts[0] == "models" else path.parts
        if len(parts) >= 2:
            found["/".join(parts).removesuffix(".toml")] = entry
    if not found:
        raise ConfigurationError(f"{source}: holds no models (expected <vendor>/<model>.toml)")
    return found


def read_providers(source: Path, models: dict[str, Entry]) -> dict[tuple[str, str], Entry]:
    """Read the providers tree: (provider, model) to its entry, over the model it is based on.

    Args:
        source: Directory or archive of ``<provider>/models/<model>.toml``.
        models: What :func:`read_models` gave, for entries that name a ``base_model``.

    Raises:
        ConfigurationError: As :func:`read_models`, or an entry is based on a model that is not
            there.
    """
    found: dict[tuple[str, str], Entry] = {}
    for path, entry in _entries(source):
        parts = path.parts[1:] if path.parts[0] == "providers" else path.parts
        if len(parts) >= 3 and parts[1] == "models":
            key = (parts[0], "/".join(parts[2:]).removesuffix(".toml"))
            found[key] = _based(entry, models)
    if not found:
        raise ConfigurationError(
            f"{source}: holds no providers (expected <provider>/models/<model>.toml)"
        )
    return found


def _based(entry: Entry, models: dict[str, Entry]) -> Entry:
    name = entry.text("base_model")
    if name is None:
        return entry
    if name not in models:
        raise entry.fault(("base_model",), f"names {name!r}, which is not among the models")
    base = _without(models[name].data, entry.texts("base_model_omit") or [])
    return Entry(entry.where, _merged(base, entry.data))


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            merged[key] = _merged(under, value)
        else:
            merged[key] = value
    return merged


def _without(data: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    for path in paths:
        key, _, rest = path.partition(".")
        if rest and isinstance(data.get(key), dict):
            data = {**data, key: _without(data[key], [rest])}
        elif not rest:
            data = {k: v for k, v in data.items() if k != key}
    return data


def _entries(source: Path) -> Iterator[tuple[PurePosixPath, Entry]]:
    files = _directory(source) if source.is_dir() else _archive(source)
    for path, content in sorted(files):
        where = f"{source}: {path}"
        try:
            yield path, Entry(where, tomllib.loads(content.decode()))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{where}: is not TOML: {error}") from error


def _directory(root: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    inside = root.resolve()
    for file in root.rglob("*.toml"):
        path = PurePosixPath(file.relative_to(root).as_posix())
        if not file.resolve().is_relative_to(inside):
            raise ConfigurationError(f"{root}: {path}: is a link out of the directory")
        try:
            yield path, file.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{root}: {path}: cannot be read: {error}") from error


def _archive(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    files = total = 0
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise ConfigurationError(f"{source}: {member.name}: points out of the archive")
                if member.issym() or member.islnk():
                    raise ConfigurationError(f"{source}: {member.name}: is a link")
                if not member.isfile():
                    continue
                files, total = files + 1, total + member.size
                if files > MOST_FILES or total > MOST_BYTES or member.size > MOST_BYTES_PER_FILE:
                    raise ConfigurationError(
                        f"{source}: {member.name}: larger than any models.dev archive"
                    )
                content = tar.extractfile(member)
                if path.suffix == ".toml" and content is not None:
                    yield path, content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ConfigurationError(f"{source}: is no readable .tar.gz: {error}") from error
