"""Trains routers, judges them on rows they have not seen, and puts them beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation.baselines import BASELINES, Contender
from llmrouter_integrations.evaluation.costs import DOLLARS, CostBasis, CostForecast, priced
from llmrouter_integrations.evaluation.measure import Measured, Truth, measure
from llmrouter_integrations.evaluation.predictors import default_trainer
from llmrouter_integrations.evaluation.splits import SplitName, folds_of
from llmrouter_integrations.evaluation.trial import Flips, Round, Trial, reword

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable

    Progress = Callable[[str, int, int], None]

__all__ = ["Evaluation", "Options", "Result", "cross_validate", "default_router", "hold_out"]

_LEAST_LABELLED = 0.5
_FEW_ROWS = 100


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Attributes:
        resamples: Draws of the bootstrap.
        seed: Of every random choice.
        paraphrases: Prompt to other ways of asking it; None: they are made by rule.
        progress: Told what is being done, how much of it is done, and how much there is.
    """

    resamples: int = 1000
    seed: int = 0
    paraphrases: Mapping[str, Sequence[str]] | None = None
    progress: Progress | None = None

    def tell(self, what: str, done: int, total: int) -> None:
        """Tell how far the work is, where anybody listens."""
        if self.progress is not None:
            self.progress(what, done, total)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What one router came to.

    Attributes:
        contender: Who.
        measured: Its figures.
        flips: What other wordings changed; None: it does not look at words.
        seconds: Time of each decision that was timed.
    """

    contender: Contender
    measured: Measured
    flips: Flips | None
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        table: The rows judged on, costs included.
        learned_from: Name of what was learned from.
        labels: Rows given to learn from, at most, for any one judgement; of very many a router may
            take a sample, and its note says so.
        split: How they were held apart: "held-out", or a :data:`~.splits.SplitName`.
        folds: Names of the parts that were judged on one by one.
        cost_basis: What costs are counted in.
        pair: The strong and the weak model.
        results: By the router's name; those in question first, then the baselines.
        options: How it was measured.
        notes: What the reader should know.
    """

    table: LabelledTable
    learned_from: str
    labels: int
    split: str
    folds: tuple[str, ...]
    cost_basis: CostBasis
    pair: tuple[str, str]
    results: Mapping[str, Result]
    options: Options
    notes: tuple[str, ...] = ()


def default_router() -> Contender:
    """Give the router that is measured where no other is named."""
    return Contender("router", "llmrouter", default_trainer())


def hold_out(
    train: LabelledTable,
    test: LabelledTable,
    routers: Sequence[Contender] = (),
    options: Options | None = None,
    *,
    labels: int | None = None,
) -> Evaluation:
    """Learn from one table and judge on another.

    Args:
        train: Labels to learn from.
        test: Labels to judge on; the models that both tables have are used.
        routers: Who is measured beside the baselines; none: :func:`default_router`.
        options: How.
        labels: Most rows to learn from, chosen at random; None: all.

    Raises:
        DatasetError: Too little is left to measure on; says why.
    """
    options = options or Options()
    if labels is not None and labels < len(train):
        rng = np.random.default_rng(options.seed)
        train = train.rows(np.sort(rng.choice(len(train), labels, replace=False)))
    shared = [model for model in train.models if model in test.models]
    if len(shared) < 2:
        raise DatasetError(
            f"{train.name} and {test.name} must share two models; "
            f"one has {', '.join(train.models)}, the other {', '.join(test.models)}"
        )
    notes = [f"{train.name}: {note}" for note in train.notes]
    for table, other in ((train, test), (test, train)):
        if alone := [model for model in table.models if model not in shared]:
            notes.append(f"not in {other.name}, so left out: {', '.join(alone)}")
    test, whole, more = _judged(test.columns(shared))
    test = test.rows(whole)
    train = train.columns(test.models)
    _require_labels(train)
    train, test, basis, of_costs = priced(train, test)
    if len(train) < _FEW_ROWS:
        notes.append(f"only {len(train)} rows to learn from in {train.name}")
    if seen := len(set(train.prompts) & set(test.prompts)):
        notes.append(f"{seen} prompts of {test.name} are also in {train.name}")
    rounds = [Round(train, test, np.arange(len(test)))]
    given = _Given(train, test, basis, "held-out", ("1",), (*notes, *more, *of_costs))
    return _evaluate(rounds, given, routers, options)


def cross_validate(
    table: LabelledTable,
    split: SplitName = "random",
    routers: Sequence[Contender] = (),
    options: Options | None = None,
    *,
    folds: int = 5,
    labels: int | None = None,
) -> Evaluation:
    """Judge every row of a table by what was learned from others; see :func:`.splits.folds_of`.

    Raises:
        DatasetError: Too little is left to measure on; says why.
    """
    options = options or Options()
    table, whole, notes = _judged(table)
    _require_labels(table)
    table, _, basis, of_costs = priced(table, table)
    parts = folds_of(table, split, folds=folds, labels=labels, seed=options.seed)
    place = np.cumsum(whole) - 1
    rounds, names = [], []
    for part in parts:
        judged = part.test[whole[part.test]]
        if judged.size:
            rounds.append(Round(table.rows(part.train), table.rows(judged), place[judged]))
            names.append(part.name)
    for round_ in rounds:
        _require_labels(round_.train)
    given = _Given(table, table.rows(whole), basis, split, tuple(names), (*notes, *of_costs))
    return _evaluate(rounds, given, routers, options)


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    train: LabelledTable
    test: LabelledTable
    basis: CostBasis
    split: str
    folds: tuple[str, ...]
    notes: tuple[str, ...]


def _judged(table: LabelledTable) -> tuple[LabelledTable, NDArray[np.bool_], list[str]]:
    """Keep the models that are labelled mostly; mark the rows that have a label of each of them."""
    notes = list(table.notes)
    labelled = ~np.isnan(table.quality)
    if table.cost is not None:
        labelled &= ~np.isnan(table.cost)
    often = labelled.mean(axis=0) >= _LEAST_LABELLED
    if not often.all():
        rare = [model for model, enough in zip(table.models, often, strict=True) if not enough]
        notes.append(f"labelled in fewer than half of the rows, so left out: {', '.join(rare)}")
        table = table.columns([model for model in table.models if model not in rare])
        labelled = labelled[:, often]
    whole: NDArray[np.bool_] = np.asarray(labelled.all(axis=1))
    if not whole.all():
        notes.append(f"{int((~whole).sum())} rows without a label of every model are not judged on")
    rows = int(whole.sum())
    if len(table.models) < 2 or rows < 2:
        raise DatasetError(
            f"{table.name}: {rows} rows have labels of all of {len(table.models)} models; "
            "routing is measured on at least 2 rows and 2 models"
            + (
                ""
                if whole.all()
                else "; `llmrouter fit` learns from rows with gaps, and says how well"
            )
            + (f" ({'; '.join(notes)})" if notes else "")
        )
    if rows < _FEW_ROWS:
        notes.append(f"only {rows} rows: look at the intervals, not at the figures")
    if (table.quality[whole] == table.quality[whole, :1]).all():
        notes.append("all models do equally well on every row: there is nothing to route")
    return table, whole, notes


def _require_labels(train: LabelledTable) -> None:
    for labels, what in ((train.quality, "quality"), (train.cost, "cost")):
        if labels is None:
            continue
        for model, column in zip(train.models, labels.T, strict=True):
            if np.isnan(column).all():
                raise DatasetError(f"{train.name}: no row has a {what} of {model!r}")


def _pair(given: _Given) -> tuple[int, int]:
    """Tell the strong model, best on the rows to learn from, and the weak one.

    That is the cheapest other; where calls to the strong one are all that is counted, the worst.
    """
    quality = np.nanmean(given.train.quality, axis=0)
    strong = int(quality.argmax())
    worth = quality if given.basis == "strong_calls" else np.nanmean(given.train.known_cost, axis=0)
    worth[strong] = np.inf
    return strong, int(worth.argmin())


def _evaluate(
    rounds: Sequence[Round], given: _Given, routers: Sequence[Contender], options: Options
) -> Evaluation:
    test = given.test
    contenders = [*(routers or [default_router()]), *BASELINES]
    names = [who.name for who in contenders]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DatasetError(f"two routers are called {', '.join(sorted(twice))}")
    rewordings = reword(test.prompts, options.paraphrases, options.seed)
    priceless = given.basis == "strong_calls" and len(test.models) > 2
    measurable = [who for who in contenders if not (who.by_price and priceless)]
    trials = [Trial(who, test.quality, rewordings) for who in measurable]
    expected = np.empty(test.quality.shape)
    steps = len(rounds) * len(trials)
    for number, round_ in enumerate(rounds):
        forecast = CostForecast(round_.train)
        expected[round_.rows] = forecast.predict(round_.test.prompts)
        for place, trial in enumerate(trials):
            options.tell("training and predicting", number * len(trials) + place, steps)
            trial.take(round_, forecast, timed=round_ is rounds[-1])
    options.tell("training and predicting", steps, steps)

    pair = _pair(given)
    parts = np.empty(len(test), np.int64)
    for number, round_ in enumerate(rounds):
        parts[round_.rows] = number
    truth = Truth(test.quality, test.known_cost, given.basis in DOLLARS, pair, parts)
    results = {who.name: _unmeasured(who) for who in contenders}
    for place, trial in enumerate(trials):
        options.tell("measuring", place, len(trials))
        results[trial.contender.name] = _result(trial, truth, expected, options)
    options.tell("measuring", len(trials), len(trials))
    learned = {f"{trial.contender.title}: {note}": None for trial in trials for note in trial.notes}
    return Evaluation(
        table=test,
        learned_from=given.train.name,
        labels=max(len(round_.train) for round_ in rounds),
        split=given.split,
        folds=given.folds,
        cost_basis=given.basis,
        pair=(test.models[pair[0]], test.models[pair[1]]),
        results=results,
        options=options,
        notes=(*given.notes, *learned),
    )


def _unmeasured(who: Contender) -> Result:
    return Result(who, Measured({}, np.empty(0)), None, np.empty(0))


def _result(trial: Trial, truth: Truth, expected: NDArray[np.float64], options: Options) -> Result:
    who = trial.contender
    sees_labels = who.train is None
    measured = measure(
        truth,
        trial.quality,
        truth.cost if sees_labels else expected,
        who=who,
        resamples=options.resamples,
        seed=options.seed,
    )
    flips = None
    if not sees_labels:
        flips = trial.flips(expected, measured.knob, resamples=options.resamples, seed=options.seed)
    return Result(who, measured, flips, trial.seconds)
