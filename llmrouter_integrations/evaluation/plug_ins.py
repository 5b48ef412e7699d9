"""Routers from elsewhere, put on the same chart: a callable of any kind, or our own Router."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.errors import ConfigurationError, DatasetError
from llmrouter_integrations.evaluation.baselines import BASELINES, Contender
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.evaluation.predictors import Predictor

__all__ = ["load_router", "load_routers", "policy", "router_of"]


def load_routers(specs: Sequence[str], sample: str) -> list[Contender]:
    """Import routers to compare with; see :func:`load_router`.

    Each is called by its own name; where that is taken, its module stands in front.
    """
    own = [spec.rpartition(":")[2] for spec in specs]
    taken = {"router", *[baseline.name for baseline in BASELINES]}
    taken |= {name for name in own if own.count(name) > 1}
    return [
        load_router(spec, sample, spec.replace(":", ".") if name in taken else name)
        for spec, name in zip(specs, own, strict=True)
    ]


def load_router(spec: str, sample: str, called: str | None = None) -> Contender:
    """Import a router to compare with.

    Args:
        spec: ``module:name`` of something :func:`router_of` takes, dots in the name leading on to
            attributes; modules of the working directory are found too.
        sample: A prompt to try it on.
        called: What to call it; None: its name.

    Raises:
        ConfigurationError: There is no such thing.
    """
    module, _, name = spec.partition(":")
    if not module or not name:
        raise ConfigurationError(f"a router is named module:callable, not {spec!r}")
    if (here := str(os.getcwd())) not in sys.path:  # noqa: PTH109  (sys.path holds strings)
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it exists, and lacks something of its own
        raise ConfigurationError(f"router {spec!r}: there is no module {module!r}") from error
    try:
        router = attrgetter(name)(found)
    except AttributeError as error:
        raise ConfigurationError(f"router {spec!r}: {module!r} has no {name!r}") from error
    return router_of(router, called or name, sample)


def router_of(router: Any, name: str, sample: str) -> Contender:
    """Make a contender of a router.

    Args:
        router: A :class:`~.predictors.Predictor`, or a callable that is given one prompt and
            returns the name of the model it would use, or something with that as its ``name``; or
            a score of each model, as a mapping by
            name or a sequence in the order of the data's columns; or, for two models, one number:
            how much the strong one is needed.
        name: What to call it.
        sample: A prompt to try it on, to see which of these it returns.

    Raises:
        ConfigurationError: It is none of these.
    """
    if isinstance(router, type):
        raise ConfigurationError(f"router {name!r} is a class: give one of its instances")
    if inspect.iscoroutinefunction(router) or inspect.iscoroutinefunction(
        getattr(router, "__call__", None)  # noqa: B004  (asked what it is, not whether)
    ):
        raise ConfigurationError(f"router {name!r} is a coroutine function: give a plain one")
    if hasattr(router, "predict") and hasattr(router, "models"):
        return Contender(name, name, lambda table: _Reordered(router, name, table.models))
    if not callable(router):
        raise ConfigurationError(f"router {name!r} is neither callable nor a Predictor")
    said = _named(router(sample))
    kind = _kind(said)
    if kind is None:
        raise ConfigurationError(
            f"router {name!r} must return a model's name, scores of the models, or a number; "
            f"it returned {said!r:.80}"
        )
    return Contender(
        name,
        name,
        lambda table: _Called(router, name, table.models, _strong(table)),
        probabilities=False,
        fixed=kind == "name",
    )


def policy(path: Path) -> Contender:
    """Make a contender of the Router a llmrouter.yaml describes, as it would decide untaught.

    Its targets must be named as the data's columns, or some of them.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    router = Router(config=RouterConfig.load(path), keys_required=False)
    names = {target.name for target in router.targets}

    def train(table: LabelledTable) -> Predictor:
        if not (shared := tuple([model for model in table.models if model in names])):
            raise DatasetError(
                f"{path}: its targets ({', '.join(sorted(names))}) must be named as the data's "
                f"columns ({', '.join(table.models)})"
            )
        hints = RoutingHints(models=shared)
        return _Called(
            lambda prompt: router.explain(prompt, hints=hints).plan[0], path.stem, table.models, 0
        )

    return Contender(path.stem, f"policy {path.name}", train, probabilities=False, fixed=True)


def _strong(table: LabelledTable) -> int:
    return int(np.nanmean(table.quality, axis=0).argmax())


def _named(said: Any) -> Any:
    """Give the name of a choice that carries it along, and of all else what was said."""
    name = getattr(said, "name", None)
    return name if isinstance(name, str) else said


def _kind(said: Any) -> str | None:
    if isinstance(said, str):
        return "name"
    if isinstance(said, Mapping):
        return "scores"
    if isinstance(said, Sequence | np.ndarray) and np.ndim(said) == 1:
        return "scores"
    if isinstance(said, float | int | np.number):
        return "number"
    return None


@dataclass(frozen=True, slots=True)
class _Called:
    """Asks a callable, prompt by prompt."""

    router: Callable[[str], Any]
    name: str
    models: tuple[str, ...]
    strong: int

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        del tasks
        said = [_named(self.router(prompt)) for prompt in prompts]
        return np.array([self._scores(one) for one in said], np.float64)

    def _scores(self, said: Any) -> list[float]:
        kind = _kind(said)
        if kind == "name":
            if said not in self.models:
                raise DatasetError(
                    f"router {self.name!r} chose {said!r}; the models are {', '.join(self.models)}"
                )
            return [float(model == said) for model in self.models]
        if kind == "number" and len(self.models) == 2:
            return [float(said) if place == self.strong else 0.0 for place in (0, 1)]
        if kind == "scores" and len(said) >= len(self.models):
            try:
                named = isinstance(said, Mapping)
                return [float(said[model]) for model in self.models] if named else [*said]
            except KeyError as error:
                raise DatasetError(f"router {self.name!r} gives no score of {error}") from None
        raise DatasetError(
            f"router {self.name!r} returned {said!r:.80}, not a model's name or "
            f"a score of each of {', '.join(self.models)}"
        )


class _Reordered:
    """A predictor whose columns are put in the data's order."""

    def __init__(self, router: Predictor, name: str, models: tuple[str, ...]) -> None:
        if missing := [model for model in models if model not in router.models]:
            raise DatasetError(f"the router predicts nothing of {', '.join(missing)}")
        self._router = router
        self._name = name
        self._order = [router.models.index(model) for model in models]
        self.models = models

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        found = np.asarray(self._router.predict(prompts, tasks))
        if found.ndim != 2 or found.shape[1] != len(self._router.models):
            raise DatasetError(
                f"router {self._name!r} must predict {len(prompts)} prompts by "
                f"{len(self._router.models)} models; it gave an array of shape {found.shape}"
            )
        return found[:, self._order]
