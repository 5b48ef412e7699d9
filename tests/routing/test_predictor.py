"""A prediction, whose parts are worked out beforehand, is what its definition says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmrouter_integrations.evaluation.fit import fit
from llmrouter_integrations.routing.predictor import LONGER_IS_HARDER, bent, doubted
from llmrouter_integrations.routing.text_features import read_prompt
from tests.evaluation.labels import FILLING, trade_prompts, trades

ASKED = (
    "",
    "\u65e5\u672c\u8a9e",
    "Something else entirely, of no task at all: which 3 are left?",
    "def f(x):\n    return x ** 2\n" * 40,
    *[" ".join(FILLING[n:] + FILLING[:n]) + "?" for n in range(10)],
    *trade_prompts(20, seed=7)[0],
)


@pytest.fixture(scope="module", params=["tasks", "doubts", "no tasks"])
def predictor(request):
    found = fit(trades(400, tasks=request.param != "no tasks")[0])
    if request.param != "doubts":
        return found
    # so that every prompt belongs to its task by half
    return replace(found, table=replace(found.table, stranger=-1.0, member=2.0))


def weighed(weights, by_table, common, apart):
    return (
        (weights.table_common - weights.table_apart) * by_table.mean()
        + weights.text_common * common
        + weights.table_apart * by_table
        + weights.text_apart * apart
    )


def defined(predictor, prompt, task):
    """Predict as the docstrings define it, one thing after the other."""
    structure, table = predictor.structure, predictor.table
    seen = read_prompt(prompt, predictor.text.shared_lines)
    away = seen.structure - structure.centre
    sums = predictor.text.by_word[seen.buckets].sum(axis=0).astype(float)
    said = bent(away, structure.spread, structure.bends) @ predictor.text.by_structure
    said += sums[:-2] / (sums[-2] ** 0.5 or 1.0)
    familiar = structure.familiarity(away, sums[-1] / (len(seen.buckets) or 1))
    level = predictor.level[predictor.learned]
    scores, common, apart = np.split(said, [len(table.tasks), len(table.tasks) + 1])
    far = LONGER_IS_HARDER * np.clip(away[0], -2.0, 2.0) * (level - level.mean())
    if task in table.tasks:
        by_table = table.quality[table.tasks.index(task)] - level
        near = weighed(predictor.told, by_table, common, apart)
        far = far + by_table
    elif len(scores):
        share = np.exp(table.sharpness * (scores - scores.max()))
        by_table = share @ table.quality / share.sum() - level
        near = weighed(predictor.inferred, by_table, common, apart)
        near = doubted(level + near, int(level.argmax()), table, scores.max()) - level
    else:
        near = weighed(predictor.inferred, np.zeros(len(level)), common, apart)
    moved = far + familiar * (near - far)
    return np.clip(predictor.level + moved @ predictor.follow, 0.0, 1.0), familiar


@pytest.mark.parametrize("task", [None, "gems", "unheard of"])
def test_it_is_what_its_definition_says(predictor, task):
    for prompt in ASKED:
        quality, familiar = defined(predictor, prompt, task)
        found = predictor.predict_one(prompt, task)
        assert [*found.quality.values()] == pytest.approx(quality.tolist(), abs=1e-12)
        assert found.familiar == pytest.approx(familiar, abs=1e-12)
