"""Trains the task classifier: softmax regression over hashed features, the same bytes each time.

What makes it carry over to prompts from elsewhere: prompts count by task and source, not by their
number; a row of weights that only one template or file lights up is left empty; and the scale of
the logits is set on sources that were left out of the training.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson

from llmrouter_integrations.routing.task_model import BUCKETS, SHARES, TaskModel, buckets_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.task_sources import Prompt

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

__all__ = ["Corpus", "Heads", "fit", "hashed", "model_of", "probabilities", "temperature", "write"]

_EPOCHS = 4
_BATCH = 512
_RATE = 0.25
_DECAY = 2e-3
"""Of each weight, a step."""
_GROUPS_AT_LEAST = 3
"""Templates or files that a row must occur in."""
_SMOOTHING = 0.05
"""Of the probability, what a label leaves to other tasks: labels by source are not all right."""
_RARE = {"tool_use": 0.25, "vision": 0.25}
"""What counts less than its share: most often it stands in the form of the request."""
_LARGEST = 127


@dataclass(frozen=True, slots=True)
class Corpus:
    """Prompts as rows of hashed features.

    Attributes:
        tasks: The tasks, in the order of the heads.
        labels: Of each prompt, the place of its task.
        starts: Where the features of each prompt begin; one more than prompts.
        buckets: Of every feature.
        values: Of every feature.
        groups: Of each prompt, a number for what it shares its wording with.
        weights: How much each prompt counts.
    """

    tasks: tuple[str, ...]
    labels: Ints
    starts: Ints
    buckets: Ints
    values: Floats
    groups: Ints
    weights: Floats

    def part(self, chosen: NDArray[np.bool_]) -> Corpus:
        """Keep some of the prompts."""
        lengths = np.diff(self.starts)
        kept = np.repeat(chosen, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths[chosen])])
        return Corpus(
            self.tasks,
            self.labels[chosen],
            starts,
            self.buckets[kept],
            self.values[kept],
            self.groups[chosen],
            self.weights[chosen],
        )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Heads:
    """What was learned: a row of weights per bucket, a column per task."""

    weights: Floats
    biases: Floats

    def logits(self, corpus: Corpus) -> Floats:
        """Give a row of logits per prompt."""
        told = self.weights[corpus.buckets] * corpus.values[:, None]
        return np.add.reduceat(told, corpus.starts[:-1], axis=0) + self.biases


def hashed(prompts: Sequence[Prompt], tasks: tuple[str, ...]) -> Corpus:
    """Read the features of prompts.

    Args:
        prompts: With their tasks; those of one task count as much as those of another, and
            within a task each source by the root of the number of its prompts.
        tasks: The order of the heads.
    """
    starts = [0]
    buckets: list[int] = []
    values: list[float] = []
    for prompt in prompts:
        for group, share in zip(buckets_of(prompt.text), SHARES, strict=True):
            # sets have no order of their own from one run to the next
            buckets += sorted(group)
            values += [share * len(group) ** -0.5 for _ in group]
        starts.append(len(buckets))
    names = {name: place for place, name in enumerate(sorted({p.group for p in prompts}))}
    sizes = Counter((p.task, p.source, p.language) for p in prompts)
    raw = [sizes[p.task, p.source, p.language] ** -0.5 for p in prompts]
    whole = dict.fromkeys((p.task for p in prompts), 0.0)
    for prompt, weight in zip(prompts, raw, strict=True):
        whole[prompt.task] += weight
    share = len(prompts) / len(whole) if whole else 1.0
    weights = [
        w * share * _RARE.get(p.task, 1.0) / whole[p.task]
        for p, w in zip(prompts, raw, strict=True)
    ]
    return Corpus(
        tasks,
        np.array([tasks.index(p.task) for p in prompts], np.int64),
        np.array(starts, np.int64),
        np.array(buckets, np.int64),
        np.array(values, np.float32),
        np.array([names[p.group] for p in prompts], np.int64),
        np.array(weights, np.float32),
    )


def fit(corpus: Corpus, seed: int) -> Heads:
    """Learn the heads of the tasks from a corpus, by AdaGrad over shuffled batches."""
    heads = len(corpus.tasks)
    allowed = _shared_rows(corpus)
    weights = np.zeros((BUCKETS, heads), np.float32)
    biases = np.zeros(heads, np.float32)
    seen = np.full((BUCKETS, heads), 1e-3, np.float32)
    seen_biases = np.full(heads, 1.0, np.float32)
    dice = np.random.default_rng(seed)
    lengths = np.diff(corpus.starts)
    columns = np.arange(heads)
    for epoch in range(_EPOCHS):
        order = dice.permutation(len(corpus))
        rate = _RATE / (1 + epoch) ** 0.5
        for begin in range(0, len(order), _BATCH):
            chosen = order[begin : begin + _BATCH]
            size = lengths[chosen]
            ends = np.cumsum(size)
            first = ends - size
            places = np.repeat(corpus.starts[chosen] - first, size) + np.arange(ends[-1])
            rows, values = corpus.buckets[places], corpus.values[places]
            logits = np.add.reduceat(weights[rows] * values[:, None], first, axis=0) + biases
            slope = _softmax(logits) - _SMOOTHING / heads
            slope[np.arange(len(chosen)), corpus.labels[chosen]] -= 1 - _SMOOTHING
            slope *= corpus.weights[chosen][:, None]
            pull = np.repeat(slope, size, axis=0) * values[:, None]
            touched, inverse = np.unique(rows, return_inverse=True)
            flat = inverse[:, None] * heads + columns
            summed = np.bincount(flat.ravel(), pull.ravel(), len(touched) * heads)
            change = summed.reshape(-1, heads).astype(np.float32) * allowed[touched, None]
            change += _DECAY * weights[touched]
            seen[touched] += change * change
            weights[touched] -= rate * change / np.sqrt(seen[touched])
            change_biases = slope.sum(axis=0)
            seen_biases += change_biases * change_biases
            biases -= rate * change_biases / np.sqrt(seen_biases)
    return Heads(weights, biases)


def _shared_rows(corpus: Corpus) -> NDArray[np.bool_]:
    """Tell which rows occur in enough templates or files to say something of language."""
    groups = np.repeat(corpus.groups, np.diff(corpus.starts))
    pairs = np.unique(corpus.buckets * (int(corpus.groups.max()) + 1) + groups)
    rows = pairs // (int(corpus.groups.max()) + 1)
    return np.bincount(rows, minlength=BUCKETS) >= _GROUPS_AT_LEAST


def _softmax(logits: Floats) -> Floats:
    raised: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def probabilities(logits: Floats, heat: float) -> Floats:
    """Give a row of probabilities per prompt."""
    return _softmax(logits / np.float32(heat))


def _log_loss(logits: Floats, labels: Ints, weights: Floats, heat: float) -> float:
    """Give the mean log loss in nats, the logits divided by ``heat``."""
    told = probabilities(logits, heat)[np.arange(len(labels)), labels]
    return float(np.average(-np.log(np.maximum(told, 1e-9)), weights=weights))


def temperature(logits: Floats, labels: Ints, weights: Floats) -> float:
    """Find what to divide logits by for the least log loss on prompts not trained on."""
    tried = np.geomspace(0.25, 6, 97)
    losses = [_log_loss(logits, labels, weights, float(heat)) for heat in tried]
    return float(tried[int(np.argmin(losses))])


def model_of(heads: Heads, tasks: tuple[str, ...], heat: float) -> TaskModel:
    """Make the classifier as it is shipped: weights in whole numbers."""
    whole, unit = _whole_numbers(heads)
    biases = tuple(round(float(bias) / heat, 6) for bias in heads.biases)
    return TaskModel(tasks, unit / heat, biases, whole.tobytes())


def _whole_numbers(heads: Heads) -> tuple[NDArray[np.uint8], float]:
    # a few large weights may be cut off: finer steps for all others are worth more
    unit = float(np.quantile(np.abs(heads.weights[heads.weights != 0]), 0.9995)) / _LARGEST
    near = np.clip(np.rint(heads.weights / unit), -_LARGEST, _LARGEST)
    return (near + 128).astype(np.uint8), unit


def write(heads: Heads, tasks: tuple[str, ...], heat: float, path: Path) -> int:
    """Write the classifier to a file, as :meth:`TaskModel.load` reads it; give its bytes."""
    whole, unit = _whole_numbers(heads)
    head = {
        "tasks": tasks,
        "scale": unit / heat,
        "biases": [round(float(bias) / heat, 6) for bias in heads.biases],
    }
    path.write_bytes(orjson.dumps(head) + b"\n" + zlib.compress(whole.tobytes(), 9))
    return path.stat().st_size
