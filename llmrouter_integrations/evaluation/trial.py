"""One router's run over all rounds: what it predicted, for other wordings too, and how fast."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation import knob
from llmrouter_integrations.evaluation.bootstrap import draws
from llmrouter_integrations.evaluation.paraphrase import PARAPHRASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.baselines import Contender
    from llmrouter_integrations.evaluation.costs import CostForecast
    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.evaluation.predictors import Predictor

__all__ = ["Flips", "Rewordings", "Round", "Trial", "reword"]

_ROWS_AT_ONCE = 4096
_REWORDED = 1000
_TIMED = 300
_WARM_UP = 20


class Round(NamedTuple):
    """Rows to learn from, rows to judge on, and where these stand in the whole table."""

    train: LabelledTable
    test: LabelledTable
    rows: NDArray[np.int64]


class Rewordings(NamedTuple):
    """Other wordings of some of the rows' prompts.

    Attributes:
        rows: Of each wording, the row it says the same as.
        kinds: Of each, how it was made.
        texts: The wordings.
    """

    rows: NDArray[np.int64]
    kinds: tuple[str, ...]
    texts: tuple[str, ...]


class Flips(NamedTuple):
    """How often another wording changed the choice.

    Attributes:
        rate: Share of the wordings.
        replicates: The same over draws of the prompts.
        by_kind: The same of each kind of wording.
    """

    rate: float
    replicates: NDArray[np.float64]
    by_kind: Mapping[str, float]


def reword(
    prompts: Sequence[str], given: Mapping[str, Sequence[str]] | None, seed: int
) -> Rewordings:
    """Word some of the prompts otherwise.

    Args:
        prompts: At most 1,000 of them, chosen at random, are taken.
        given: Prompt to its paraphrases; None: they are made by rule.
        seed: Of the choice.

    Raises:
        DatasetError: Paraphrases are given, but of none of these prompts.
    """
    able = [row for row, prompt in enumerate(prompts) if given is None or prompt in given]
    if not able:
        raise DatasetError("none of the paraphrases is of a prompt that is judged on")
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(able, min(_REWORDED, len(able)), replace=False))
    rows, kinds, texts = [], [], []
    for row in some:
        prompt = prompts[row]
        if given is None:
            others = [(kind, make(prompt)) for kind, make in PARAPHRASES.items()]
        else:
            others = [("given", text) for text in given[prompt]]
        for kind, text in others:
            if text != prompt:
                rows.append(row)
                kinds.append(kind)
                texts.append(text)
    return Rewordings(np.array(rows, np.int64), tuple(kinds), tuple(texts))


class Trial:
    """Takes a router through the rounds.

    Args:
        contender: The router.
        truth: Quality of every answer, rows by models: the predictions of a contender that sees
            the labels.
        rewordings: Other wordings it is asked about too.
    """

    def __init__(
        self, contender: Contender, truth: NDArray[np.float64], rewordings: Rewordings
    ) -> None:
        self.contender = contender
        self.quality = np.full(truth.shape, np.nan) if contender.train else truth
        self.seconds: NDArray[np.float64] = np.empty(0)
        self.notes: tuple[str, ...] = ()
        self._rewordings = rewordings
        self._reworded = np.full((len(rewordings.texts), truth.shape[1]), np.nan)
        self._reworded_cost = self._reworded.copy()

    def take(self, round_: Round, forecast: CostForecast, *, timed: bool) -> None:
        """Train on a round's rows, and predict the others.

        Raises:
            DatasetError: It predicts something that is no quality for each model.
        """
        if self.contender.train is None:
            return
        predictor = self.contender.train(round_.train)
        if timed:
            known = round_.train.notes
            self.notes = tuple([n for n in getattr(predictor, "notes", ()) if n not in known])
        groups = round_.test.groups if self.contender.knows_tasks else None
        self.quality[round_.rows] = self._ask(
            predictor, round_.test.models, round_.test.prompts, groups
        )
        place = {int(row): number for number, row in enumerate(round_.rows)}
        mine = [n for n, row in enumerate(self._rewordings.rows) if int(row) in place]
        if mine:
            texts = [self._rewordings.texts[n] for n in mine]
            tasks = None
            if groups is not None:
                tasks = [groups[place[int(self._rewordings.rows[n])]] for n in mine]
            self._reworded[mine] = self._ask(predictor, round_.test.models, texts, tasks)
            self._reworded_cost[mine] = forecast.predict(texts)
        if timed:
            self._time(predictor, round_.test.prompts, groups, forecast)

    def _ask(
        self,
        predictor: Predictor,
        models: tuple[str, ...],
        prompts: Sequence[str],
        tasks: Sequence[str | None] | None,
    ) -> NDArray[np.float64]:
        if predictor.models != models:
            raise DatasetError(
                f"router {self.contender.name!r} predicts {', '.join(predictor.models)}, "
                f"not {', '.join(models)}"
            )
        blocks = []
        for start in range(0, len(prompts), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            blocks.append(predictor.predict(prompts[part], None if tasks is None else tasks[part]))
        found = np.concatenate(blocks)
        if found.shape != (len(prompts), len(models)) or np.isnan(found).any():
            raise DatasetError(
                f"router {self.contender.name!r} must give a number for each of {len(models)} "
                "models and each prompt"
            )
        return found

    def _time(
        self,
        predictor: Predictor,
        prompts: Sequence[str],
        tasks: Sequence[str | None] | None,
        forecast: CostForecast,
    ) -> None:
        """Time single decisions, from the prompt to the model chosen."""
        some = np.linspace(0, len(prompts) - 1, min(_TIMED, len(prompts))).astype(np.int64)
        seconds = []
        for row in [*some[:_WARM_UP], *some]:
            began = time.perf_counter()
            one = [prompts[row]]
            quality = predictor.predict(one, None if tasks is None else [tasks[row]])
            knob.choices(quality, forecast.predict(one), 1.0)
            seconds.append(time.perf_counter() - began)
        self.seconds = np.array(seconds[min(_WARM_UP, len(some)) :])

    def flips(
        self,
        cost: NDArray[np.float64],
        setting: NDArray[np.float64],
        *,
        resamples: int,
        seed: int,
    ) -> Flips:
        """Tell how often another wording changed the model chosen.

        Args:
            cost: Expected costs of the rows' answers.
            setting: Of the knob, of each row.
            resamples: Draws of the prompts.
            seed: Of the draws.
        """
        rows, kinds, _ = self._rewordings
        known = None if self.contender.fixed else cost
        before = knob.choices(self.quality, known, setting)[rows]
        after = knob.choices(
            self._reworded, None if known is None else self._reworded_cost, setting[rows]
        )
        flipped = before != after
        prompts, place = np.unique(rows, return_inverse=True)
        wordings = np.bincount(place).astype(np.float64)
        changed = np.bincount(place, flipped)
        blocks = [
            (block @ changed) / (block @ wordings) for block in draws(len(prompts), resamples, seed)
        ]
        named = np.array(kinds)
        return Flips(
            float(flipped.mean()),
            np.concatenate([np.empty(0), *blocks]),
            {kind: float(flipped[named == kind].mean()) for kind in dict.fromkeys(kinds)},
        )
