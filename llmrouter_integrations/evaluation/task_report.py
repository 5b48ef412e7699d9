"""The page on the task classifier, docs/tasks.md, as the training makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.evaluation.task_training import probabilities
from llmrouter_integrations.routing.task import SURE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.evaluation.task_measuring import Held, Score

__all__ = ["page"]

_PAGE = """\
# What is asked: the task classifier

<!-- Made by `python -m llmrouter_integrations.evaluation.train_tasks`; change that, not this. -->

Every request is given a task. Where its form tells, the form decides: tools on offer make it
`tool_use`, images `vision`, more than 32,000 tokens `long_context`, a form to fill with nothing
else asked `extraction`. Else its words are read by a classifier; a caller who knows better says so
with the hint `task`.

| task | what it is |
|---|---|
| code | writing, explaining, reviewing or repairing programs, queries, configurations |
| math | calculation, equations, word problems, proofs; with options or without |
| reasoning | puzzles, logic, estimates; examination questions with options to choose from |
| extraction | what stands in a text, taken out as a list, fields or JSON |
| summarization | a text made shorter; titles for it |
| qa | a question about a text that is given |
| translation | into another language |
| creative | stories, poems, letters, marketing, role play, other wording for a text |
| chat | talk, advice, plans; **questions of knowledge without a text to answer from** |
| classification | a label, a grade, yes or no about a text |

`llmrouter classify FILE.jsonl` prints the task of each prompt, `--json` with all probabilities;
`llmrouter explain` and `decision.features` (`task`, `task_source`, `task_probability`) show what
was read in one request.

## How it works
- A prompt is read as words, pairs of words, beginnings of words and marks of form, in one case and
  typography. What is quoted is read as words of their own kind: a poem to be summarized asks for
  no poem. Quoted is what stands in fences, tags or quotation marks, behind a label (`Document:`),
  behind a line that hands a text over (`Translate into French:`, `Summarize the text below.`, in
  each of the languages), above `TL;DR`, long text after any other colon, and the middle of a long
  prompt.
- Each is hashed to a row of weights; linear heads; whole numbers, so that the order of features
  changes nothing. No dependency; about 0.1 ms for a prompt of a kilobyte, less for a short one and
  no more for a longer one; read in when the first request without a hint comes ({bytes:,} bytes).
- A system prompt that sets a job ("Translate all you are given") counts beside the user's words,
  and a short follow-up ("and in French?") leans on the turn before.
- How hard a request looks (`difficulty`) is a stated prior by task, a few words and the length; no
  figure here says that it is right. `fit` learns from your own labels.
- Below a probability of {sure} the task is not told and the default, chat, is taken
  (`task_source` "default").

## What it was trained on
{training:,} prompts made from the templates of this repository in eleven languages and from public
sets with a licence that allows it (GSM8K's training part, HumanEval, BIG-Bench Hard, the T0
prompts and seed tasks of self-instruct, FastChat's questions, the LLMRouter set without its MMLU
and GSM8K rows), each also in other dress: courtesies, frames, worked examples, options. Tasks count
alike; within a task sources count by the root of their size.

## Sources it had not seen
Each family of sources was left out of a training of its own and then judged. What was not sure
counts as chat. These are figures of development: templates were added after a look at the mistakes
on Vicuna's questions, the seed tasks, BIG-Bench Hard and the logic grids, so the frozen tests below
are the cleaner measure.

{left_out}

By language, on templates left out (a fourth of each language's):

{languages}

Sets that are never trained on, by the classifier as shipped (its training has other rows of GSM8K,
ARC and MBPP; none of MMLU and WinoGrande):

{measured}

## Frozen tests
Prompts written by hand before the first training (`tests/routing/data`), in chat style, more than
half of them in other languages than English:

{frozen}

Told differently, in other dress by rule (`evaluation/paraphrase.py`; goal: at most 10%):

{dress_flips}

In other words, by hand: {flips} of {pairs} pairs ({flip_rate:.1%}). So the goal of 10% is met for
layout, case, typography, courtesies, frames and synonyms, and **not** for free rewording: words are
all the classifier has, and other words are other evidence. What was tried: dropping features at
random in the training (no better on sources left out), request frames shared by all tasks (a little
better), taking courtesies off (cured those). Whoever wrote the templates had seen 17 of the pairs;
templates that came near to them were taken out again. These tests were looked at seven times in
all, after trainings that had been changed for other reasons.

## What a probability is worth
On the sources left out, each counting by the root of its size (temperature {heat:.3f}):

{reliability}

## Confusions
Shares of each task's prompts (rows) by what they were told to be (columns), on the sources left
out:

{confusions}
"""


def page(
    held: Held,
    measured: Sequence[Score],
    frozen: Sequence[Score],
    *,
    flips: tuple[int, int],
    dress_flips: Mapping[str, float],
    tasks: Sequence[str],
    training: int,
    weight_bytes: int,
) -> str:
    """Write the page.

    Args:
        held: What was found on sources left out.
        measured: On sets that are never trained on.
        frozen: On the frozen tests.
        flips: Of the paraphrases: those told differently, and all.
        dress_flips: Share of the frozen tests told differently, by kind of dress.
        tasks: In the order of the heads.
        training: Prompts trained on.
        weight_bytes: Size of the weights as shipped.
    """
    return _PAGE.format(
        bytes=weight_bytes,
        sure=SURE,
        training=training,
        left_out=_left_out_table(held),
        languages=_score_table(held.languages),
        measured=_score_table(measured),
        frozen=_score_table(frozen),
        flips=flips[0],
        dress_flips=_flip_table(dress_flips),
        pairs=flips[1],
        flip_rate=flips[0] / flips[1],
        heat=held.heat,
        reliability=_reliability(held),
        confusions=_confusions(held, tasks),
    )


def _left_out_table(held: Held) -> str:
    rows = [
        f"| {plain.name} | {plain.prompts} | {plain.right:.2f} | {plain.coarse:.2f} "
        f"| {dressed.right:.2f} | {dressed.coarse:.2f} | {_mistakes(plain)} |"
        for plain, dressed in zip(held.scores, held.dressed, strict=True)
    ]
    head = (
        "| left out | prompts | all tasks | code/math/rest | other dress: all | other dress: "
        "code/math/rest | mistakes |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *rows])


def _score_table(scores: Sequence[Score]) -> str:
    rows = [
        f"| {score.name} | {score.prompts} | {score.right:.2f} | {score.coarse:.2f} "
        f"| {_mistakes(score)} |"
        for score in scores
    ]
    head = "| | prompts | all tasks | code/math/rest | mistakes |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _flip_table(flips: Mapping[str, float]) -> str:
    head = f"| {' | '.join(flips)} |"
    rule = "|---" * len(flips) + "|"
    return "\n".join([head, rule, f"| {' | '.join(f'{v:.1%}' for v in flips.values())} |"])


def _mistakes(score: Score) -> str:
    return ", ".join(f"{task} as {said} {times}" for task, said, times in score.mistakes)


def _reliability(held: Held) -> str:
    chances = probabilities(held.logits, held.heat)
    highest, right = chances.max(axis=1), chances.argmax(axis=1) == held.labels
    rows = []
    for low in range(1, 10):
        inside = (highest >= low / 10) & (highest < (low + 1) / 10 + (low == 9))
        if inside.any():
            said = np.average(highest[inside], weights=held.weights[inside])
            was = np.average(right[inside], weights=held.weights[inside])
            rows.append(
                f"| {low / 10:.1f}-{(low + 1) / 10:.1f} | {inside.sum()} | {said:.2f} | {was:.2f} |"
            )
    head = "| probability | prompts | mean said | share right |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def _confusions(held: Held, tasks: Sequence[str]) -> str:
    said = held.logits.argmax(axis=1)
    lines = [f"| | {' | '.join(tasks)} |", "|---" * (len(tasks) + 1) + "|"]
    for place, task in enumerate(tasks):
        mine = held.labels == place
        if mine.any():
            counts = np.bincount(said[mine], held.weights[mine], len(tasks))
            shares = counts / counts.sum()
            cells = [f"{share:.2f}" if share >= 0.005 else "" for share in shares]
            lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines)
