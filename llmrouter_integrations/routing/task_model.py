"""The task classifier: hashed words of a prompt, linear heads, in integers and in pure Python.

Every word, pair of neighbours, stem and mark of form that :func:`~.reading.read_text` sees is
hashed to one of :data:`BUCKETS` rows of weights, one weight per task. What is asked, what is quoted
and the form count as three groups, each divided by the root of its size: a long document cannot
outvote a short instruction. The weights of a row lie side by side in one large integer, so that
adding rows adds all tasks at once, and the order in which they are added changes nothing.

``python -m llmrouter_integrations.evaluation.train_tasks`` makes the weights, and docs/tasks.md
tells what they are worth.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32, decompress

import orjson

from llmrouter_integrations.routing.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BUCKETS",
    "SHARES",
    "WEIGHTS",
    "TaskModel",
    "TaskOpinion",
    "buckets_of",
    "opinion_of",
    "shipped",
]

BUCKETS = 1 << 16
SHARES = (1.0, 0.5, 1.0)
"""What counts how much: what is asked, what is quoted, the form of the whole."""
WEIGHTS = Path(__file__).with_name("task_weights.bin")
_REMEMBERED_CHARS = 4000
_ZERO = 128
"""How a weight of nothing is written, in one byte without a sign."""
_LANE_BYTES = 3
"""Room for the sum of 65,000 weights; the reading of a prompt has hundreds at most."""
_LANE_MASK = (1 << 8 * _LANE_BYTES) - 1
_WORDS, _PAIRS, _STEMS, _QUOTED, _MARKS = range(1, 6)
"""Where the checksum starts, so that a word and a stem that are spelt alike differ."""


class TaskOpinion(NamedTuple):
    """What the words of a text say about its task.

    Attributes:
        task: The likeliest.
        probability: How likely it is, 0..1; as calibrated on sources left out of the training.
        logits: Of every task, in the order of :attr:`TaskModel.tasks`; to be added up with those
            of other texts.
    """

    task: str
    probability: float
    logits: tuple[float, ...]


def buckets_of(text: str) -> tuple[list[int], list[int], list[int]]:
    """Give the rows of weights that a text's features count, by group."""
    words, pairs, stems, quoted, marks = read_text(text)
    asked = _hashed(words, _WORDS)
    asked += _hashed(pairs, _PAIRS)
    asked += _hashed(stems, _STEMS)
    return asked, _hashed(quoted, _QUOTED), _hashed(map(str.encode, marks), _MARKS)


def _hashed(features: Iterable[bytes], start: int) -> list[int]:
    return [checksum & 0xFFFF for checksum in map(crc32, features, repeat(start))]


class TaskModel:
    """Weights, and how to read a prompt by them.

    Args:
        tasks: The tasks told apart, one per head.
        scale: What a weight of one, as stored, stands for; the temperature of the calibration is
            in it.
        biases: Of each head.
        weights: One byte per bucket and task, :data:`BUCKETS` rows; 128 stands for nothing.
    """

    def __init__(
        self, tasks: tuple[str, ...], scale: float, biases: tuple[float, ...], weights: bytes
    ) -> None:
        self.tasks = tasks
        self._scale = scale
        self._biases = biases
        heads = len(tasks)
        if len(weights) != BUCKETS * heads or len(biases) != heads:
            raise ValueError(f"{len(weights)} weights do not make {BUCKETS} rows of {heads}")
        width = heads * _LANE_BYTES
        lanes = bytearray(BUCKETS * width)
        lanes[::_LANE_BYTES] = weights
        nothing = int.from_bytes(bytes(lanes[:0]) + (bytes([_ZERO]) + bytes(2)) * heads, "little")
        # most rows are empty and share one integer
        known = {nothing: nothing}
        self._rows = [
            known.setdefault(row, row)
            for row in [
                int.from_bytes(lanes[start : start + width], "little")
                for start in range(0, len(lanes), width)
            ]
        ]

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> TaskModel:
        """Read weights from a file: a line of JSON, and the compressed bytes."""
        head, _, packed = path.read_bytes().partition(b"\n")
        told = orjson.loads(head)
        return cls(tuple(told["tasks"]), told["scale"], tuple(told["biases"]), decompress(packed))

    def opinion(self, text: str) -> TaskOpinion:
        """Tell what the words of a text say."""
        logits = list(self._biases)
        rows = self._rows
        for group, share in zip(buckets_of(text), SHARES, strict=True):
            count = len(group)
            if not count:
                continue
            total = sum([rows[bucket] for bucket in group])
            scale = self._scale * share / math.sqrt(count)
            for head in range(len(logits)):
                logits[head] += scale * ((total & _LANE_MASK) - _ZERO * count)
                total >>= 8 * _LANE_BYTES
        return self.weigh(tuple(logits))

    def weigh(self, logits: tuple[float, ...]) -> TaskOpinion:
        """Give the likeliest task by logits."""
        highest = max(logits)
        whole = sum([math.exp(logit - highest) for logit in logits])
        return TaskOpinion(self.tasks[logits.index(highest)], 1 / whole, logits)

    def probabilities(self, logits: tuple[float, ...]) -> dict[str, float]:
        """Give the probability of every task, by its name, the likeliest first."""
        highest = max(logits)
        raised = [math.exp(logit - highest) for logit in logits]
        whole = sum(raised)
        told = zip(self.tasks, raised, strict=True)
        return {task: part / whole for task, part in sorted(told, key=lambda pair: -pair[1])}


@cache
def shipped() -> TaskModel:
    """Give the classifier this package ships, read when it is first asked for."""
    return TaskModel.load()


def opinion_of(text: str) -> TaskOpinion:
    """Tell what the words of a text say, by the classifier shipped.

    Texts come back (system prompts, the turn before, a request that is explained and then made or
    made again), so the last short ones are remembered.
    """
    return _remembered(text) if len(text) <= _REMEMBERED_CHARS else shipped().opinion(text)


@lru_cache(maxsize=256)
def _remembered(text: str) -> TaskOpinion:
    return shipped().opinion(text)
