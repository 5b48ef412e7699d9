"""What a caller may say about a request: :class:`RoutingHints`."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from llmrouter_integrations.errors import UnknownHintError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PREFIX", "DataPolicy", "OnInterrupt", "Prefer", "RoutingHints", "Task"]

PREFIX = "llmrouter"
"""Metadata keys are ``llmrouter_<field>``, or one nested ``llmrouter: {...}``."""

Prefer = Literal["quality", "balanced", "cost", "latency"]
DataPolicy = Literal["no_training", "zero_retention"]
OnInterrupt = Literal["raise", "continue", "restart"]
Task = Literal[
    "code",
    "math",
    "reasoning",
    "extraction",
    "summarization",
    "qa",
    "translation",
    "creative",
    "chat",
    "classification",
    "tool_use",
    "vision",
    "long_context",
]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class RoutingHints:
    """What the caller said about a request. Every field is optional.

    Attributes:
        task: What kind of work it is; overrides what the router would infer.
        prefer: A preset of the prices of quality and of waiting.
        value_usd: What a good answer is worth, in dollars; overrides the preset's.
        min_quality: Least acceptable P(good answer), 0..1.
        max_cost_usd: Most this request may be expected to cost, in dollars.
        timeout_s: Total time for the request, retries and fallbacks included, in seconds.
        first_token_timeout_s: Time to the first token of any one attempt, in seconds.
        models: Only these: target names, ``provider/model`` or bare model names, ``*`` for
            anything; case does not matter, and a provider's alias is as good as its name.
        exclude: Never these (the same spellings); one that names nothing is an error.
        providers: Only these providers.
        exclude_providers: Never these providers; one that nobody knows is an error.
        regions: Only targets in these regions.
        data_policy: The least the provider must promise about the data.
        session: Conversation id: it stays where its prompt is cached, as long as that pays.
        pin: Exactly this target; nothing else is tried. Where it names several, the first in rank.
        fallback: Whether another target may be tried when the first fails.
        hedge: Whether a second target may be raced when the first is slow.
        verify: What an answer must pass to be one: "schema" (the form asked for), "tools" (calls
            of tools on offer, with arguments that fit), a callable that is given the
            :class:`~.messages.Response` and gives None where it holds, else what is wrong with
            it; or several of these. An answer that fails goes back to its model once, if a
            retry is left, and then the next model is asked. A stream is held until it has passed.
        cascade: Whether a cheap target may be asked first where ``verify`` checks its answer and
            that pays; or the share of bad answers that the check catches, 0..1.
        on_interrupt: What to do when a stream breaks after content has been handed on: "raise"
            ``StreamInterrupted``; "continue" a plain text on a target that can (else raise); or
            "restart" the answer, after a chunk whose ``instead_of`` holds what it replaces. With
            the latter two, tool calls are held until they are whole.
        priority: Whose turn it is at a target with as many calls under way as it may have:
            higher first; 0 unless said.
        tenant: Who is billed, for budgets and audit; who waits for a busy target is served
            tenant by tenant.
        tags: Free labels, for budgets and audit.
    """

    task: Task | None = None
    prefer: Prefer | None = None
    value_usd: float | None = None
    min_quality: float | None = None
    max_cost_usd: float | None = None
    timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    models: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    exclude_providers: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    data_policy: DataPolicy | None = None
    session: str | None = None
    pin: str | None = None
    fallback: bool | None = None
    hedge: bool | None = None
    verify: Any = None
    cascade: float | None = None
    on_interrupt: OnInterrupt | None = None
    priority: int | None = None
    tenant: str | None = None
    tags: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value))

    @classmethod
    def of(cls, said: RoutingHints | Mapping[str, Any] | None) -> RoutingHints:
        """Read hints from an object or a plain mapping of its fields.

        Raises:
            UnknownHintError: A field does not exist (the nearest one is named), or cannot take
                the value.
        """
        if said is None:
            return EMPTY
        if isinstance(said, RoutingHints):
            return said
        try:
            items = dict(said)
        except (TypeError, ValueError):
            raise UnknownHintError(
                f"hints must be RoutingHints or a mapping of its fields, not {type(said).__name__}"
            ) from None
        for key in items:
            if key not in _FIELDS:
                raise UnknownHintError(_unknown(str(key)))
        # the one object that stands for nothing said: to put it over others is no work
        return cls(**items) if items else EMPTY

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any] | None) -> RoutingHints:
        """Pick the hints out of framework metadata; other keys are left alone.

        Flat ``llmrouter_<field>`` keys win over the nested ``llmrouter: {...}`` mapping.

        Raises:
            UnknownHintError: As :meth:`of`.
        """
        if not metadata:
            return EMPTY
        said: dict[str, Any] = {}
        nested = metadata.get(PREFIX)
        if isinstance(nested, RoutingHints):
            said.update(nested.as_dict())
        elif nested is not None:
            if not hasattr(nested, "keys"):
                raise UnknownHintError(
                    f"metadata[{PREFIX!r}] must be a mapping of hints, not {type(nested).__name__}"
                )
            said.update(nested)
        start = len(PREFIX) + 1
        for key, value in metadata.items():
            if isinstance(key, str) and key.startswith("llmrouter_"):
                said[key[start:]] = value
        return cls.of(said) if said else EMPTY

    def over(self, other: RoutingHints) -> RoutingHints:
        """These hints, with ``other``'s where these say nothing."""
        if other is EMPTY:
            return self
        if self is EMPTY:
            return other
        return replace(other, **self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The fields that were said."""
        return {n: v for n in _FIELDS if (v := getattr(self, n)) is not None}

    def as_plain(self) -> dict[str, Any]:
        """The fields that were said, in plain JSON: a callable by its name."""
        said = self.as_dict()
        if self.verify is not None:
            said["verify"] = [
                check if isinstance(check, str) else _name_of(check) for check in self.verify
            ]
        return {n: list(v) if isinstance(v, tuple) else v for n, v in said.items()}

    def __bool__(self) -> bool:
        return self is not EMPTY and bool(self.as_dict())


def _name_of(check: Any) -> str:
    name = getattr(check, "__qualname__", type(check).__qualname__)
    return f"{getattr(check, '__module__', '?')}:{name}"


_FIELDS = tuple(f.name for f in fields(RoutingHints))


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, _FIELDS, n=1, cutoff=0.0)
    return f"unknown hint {key!r}; did you mean {near[0]!r}? Hints are: {', '.join(_FIELDS)}"


def _one_of(*allowed: str) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value in allowed:
            return value
        near = difflib.get_close_matches(str(value), allowed, n=1)
        raise UnknownHintError(
            f"hint {name}={value!r} is not one of {', '.join(allowed)}"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )

    return check


def _number(low: float, high: float | None = None) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        fits = math.isfinite(number) and low <= number <= (high or number)
        if isinstance(value, bool) or not fits:
            span = f"between {low:g} and {high:g}" if high else f"of at least {low:g}"
            raise UnknownHintError(f"hint {name}={value!r} must be a number {span}")
        return number

    return check


_DAY_S = 86_400
MOST_PRIORITY = 1_000_000


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        # "a,b" comes from headers and command lines, a lone name from people
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        names = tuple(value)
    except TypeError:
        names = (value,)
    if not all(isinstance(n, str) for n in names):
        raise UnknownHintError(f"hint {name}={value!r} must be a name or a list of names")
    return names


def _text(name: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise UnknownHintError(f"hint {name}={value!r} must be a non-empty string")


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "1", 1):
        return True
    if value in ("false", "0", 0):
        return False
    raise UnknownHintError(f"hint {name}={value!r} must be true or false")


def _checks(name: str, value: Any) -> tuple[Any, ...]:
    """Read what answers are checked for: always as several."""
    given = value if isinstance(value, tuple | list) else (value,)
    for check in given:
        if check not in ("schema", "tools") and not callable(check):
            raise UnknownHintError(
                f'hint {name}={check!r} must be "schema", "tools", a callable, or several of these'
            )
    return tuple(given)


def _power(name: str, value: Any) -> float:
    """Read a flag, or a share: True stays, since it says no share."""
    if isinstance(value, bool) or value in ("true", "false"):
        return _flag(name, value)
    return cast("float", _number(0, 1)(name, value))


def _rank(name: str, value: Any) -> int:
    try:
        rank = int(value)
        fits = not isinstance(value, bool) and rank == float(value) and abs(rank) <= MOST_PRIORITY
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise UnknownHintError(
            f"hint {name}={value!r} must be a whole number of at most {MOST_PRIORITY} either way"
        )
    return rank


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "task": _one_of(*TASKS),
    "prefer": _one_of(*get_args(Prefer)),
    "value_usd": _number(0),
    "min_quality": _number(0, 1),
    "max_cost_usd": _number(0),
    "timeout_s": _number(0, _DAY_S),
    "first_token_timeout_s": _number(0, _DAY_S),
    "models": _names,
    "exclude": _names,
    "providers": _names,
    "exclude_providers": _names,
    "regions": _names,
    "data_policy": _one_of(*get_args(DataPolicy)),
    "session": _text,
    "pin": _text,
    "fallback": _flag,
    "hedge": _flag,
    "verify": _checks,
    "cascade": _power,
    "on_interrupt": _one_of(*get_args(OnInterrupt)),
    "priority": _rank,
    "tenant": _text,
    "tags": _names,
}

EMPTY = RoutingHints()
"""No hints at all."""
