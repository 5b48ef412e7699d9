"""A configuration as it stands in its YAML file: :class:`WrittenConfig`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["WrittenConfig", "dotted"]

At: TypeAlias = "tuple[str | int, ...]"
"""The keys and places that lead to a value."""

_MOST_BYTES = 1 << 20
_MOST_VALUES = 100_000
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LEAST_SECRET = 6
"""Characters of a variable's value from which on it may be a key."""


def dotted(at: Iterable[str | int]) -> str:
    """Write where a value stands: ``models[0].name``."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at).lstrip(".")


@dataclass(frozen=True, slots=True)
class WrittenConfig:
    """What stands in a file, and where.

    Attributes:
        path: The file.
        text: All of it.
        data: The values, with ``${NAME}`` replaced.
        lines: Each value's line.
    """

    path: Path
    text: str
    data: dict[str, Any]
    lines: Mapping[At, int]

    @classmethod
    def read(cls, path: Path, env: Mapping[str, str]) -> Self:
        """Read a file.

        Args:
            path: Which.
            env: Where ``${NAME}`` is looked up.

        Raises:
            ConfigurationError: Unreadable, not YAML, no mapping, or a variable is not set; the
                message names the file, the line and the field.
        """
        import yaml

        try:
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES + 1).decode("utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(f"{path}: cannot be read: {reason}") from None
        if len(text) > _MOST_BYTES:
            raise ConfigurationError(f"{path}: is larger than {_MOST_BYTES:,} bytes")
        try:
            tree = yaml.compose(text, Loader=yaml.SafeLoader)
            lines = _lines(tree, path)
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigurationError(_yaml_fault(path, error)) from None
        except RecursionError:
            raise ConfigurationError(f"{path}: is nested too deeply, or in itself") from None
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise ConfigurationError(
                f"{path}: line 1: must be a mapping with keys such as `models`, "
                f"not {type(data).__name__}"
            )
        return cls(path, text, _fill(data, env, path, lines, ()), lines)

    def line_of(self, at: At) -> int:
        """Give the line of a value, or of the nearest that holds it."""
        while at not in self.lines:
            at = at[:-1]
        return self.lines[at]

    def unfilled(self, message: str, env: Mapping[str, str]) -> str:
        """Name the variables in a message instead of showing their values: one may be a key."""
        names = _VARIABLE.findall(self.text)
        values = {env[name]: name for name in names if len(env.get(name, "")) >= _LEAST_SECRET}
        for value in sorted(values, key=len, reverse=True):
            for shown in (value, repr(value)[1:-1]):
                message = message.replace(shown, f"${{{values[value]}}}")
        return message


def _yaml_fault(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{path}: {where}not valid YAML: {getattr(error, 'problem', None) or error}"


def _lines(tree: Any, path: Path) -> dict[At, int]:
    """Map the path of each value to the line it stands on.

    Raises:
        ConfigurationError: A key stands twice, or aliases multiply to an endless file.
    """
    lines: dict[At, int] = {(): 1}

    def walk(node: Any, at: At) -> None:
        if node.id == "mapping":
            for key, value in node.value:
                line = key.start_mark.line + 1
                if len(lines) > _MOST_VALUES:
                    raise ConfigurationError(f"{path}: line {line}: aliases multiply too far")
                if (*at, key.value) in lines:
                    raise ConfigurationError(
                        f"{path}: line {line}: field {dotted((*at, key.value))}: stands twice"
                    )
                lines[(*at, key.value)] = line
                walk(value, (*at, key.value))
        elif node.id == "sequence":
            for index, value in enumerate(node.value):
                if len(lines) > _MOST_VALUES:
                    raise ConfigurationError(f"{path}: aliases multiply too far")
                lines[(*at, index)] = value.start_mark.line + 1
                walk(value, (*at, index))

    if tree is not None:
        walk(tree, ())
    return lines


def _fill(value: Any, env: Mapping[str, str], path: Path, lines: Mapping[At, int], at: At) -> Any:
    if isinstance(value, dict):
        return {k: _fill(v, env, path, lines, (*at, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, env, path, lines, (*at, i)) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = env.get(match[1])
        if found is None:
            raise ConfigurationError(
                f"{path}: line {lines.get(at, 1)}: field {dotted(at)}: "
                f"the environment variable {match[1]} is not set"
            )
        return found

    return _VARIABLE.sub(replace, value)
