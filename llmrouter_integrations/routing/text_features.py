"""What a fitted predictor sees of a prompt: hashed words and word pairs, and its structure.

The text is brought to one form first (case, typography, spaces, courtesies, "Question: ... Answer:"
around it), so that another way to write the same prompt is read the same. Lines that many of the
training prompts share, few-shot examples mostly, count as one feature each: their words say nothing
about the question.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

__all__ = ["BUCKETS", "STRUCTURE", "Reading", "normalized_lines", "read_prompt"]

BUCKETS = 1 << 15
"""Of the hash; a power of two."""
MAX_CHARACTERS = 16_000
"""A longer prompt is read at its beginning and its end, half of this each, where people put what
they want. Bounds the time of a decision."""

_TYPOGRAPHY = tuple(
    [(mark, "-") for mark in "\u2010\u2011\u2012\u2013\u2014\u2212"]
    + [(mark, "'") for mark in "\u2018\u2019"]
    + [(mark, '"') for mark in "\u201c\u201d\u201e"]
)
_OPENING = re.compile(
    r"(?:(?:hello|hi|hey|good (?:morning|afternoon|evening))(?: there| all| everyone)?\s*[,.!]\s*)?"
    r"(?:(?:could|can|would|will) you (?:please )?help(?: me)?(?: with| out)?"
    r"(?: this| the following)?\s*[?.:!,]\s*)?"
    r"(?:please,? )?(?:(?:question|prompt|task|q)\s*:\s*)?"
)
_CLOSING = re.compile(
    r"(?:many )?(?:thank you|thanks)(?: very much| so much| a lot| in advance)?[.! ]*$"
)
_CLOSING_CHARACTERS = 40
_ANSWER_LABEL = re.compile(r"(?:\s(?:answer|response|a):)+$")
_SPACED = bytes(code if chr(code).isalnum() else ord(" ") for code in range(128)) + bytes(128)
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKENS = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
"""Words, numbers, and single characters of scripts without spaces."""
_AFTER_OPTION = frozenset(".):")
_LONG_WORD = 10
_LONGEST_NUMBER = 5

_CODE = ("```", "def ", "();", "import ", "return ", "#include")
_MARKS: tuple[frozenset[str], ...] = tuple(
    [
        frozenset(words.split())
        for words in (
            (
                "if each per every than more less fewer then after before half twice double "
                "times total remaining left rest"
            ),
            "not except never no none false incorrect least",
            "which who whom whose what where when",
            "why explain describe how",
            "write create implement generate make build design",
        )
    ]
)
"""Words that tell of steps of thought; that negate; that ask which; that ask why; that ask to
make something."""

# counts of bytes by class, all at once
_CLASSES = {
    "digits": "0123456789",
    "operators": "+-*/=^<>",
    "brackets": "()[]{}",
    "symbols": "\\_`#@&|~",
    "commas": ",;",
    "percents": "%",
    "dollars": "$",
    "questions": "?",
    "sentences": ".!?",
    "quotes": '"',
}
_CLASS_OF_BYTE = np.zeros((256, len(_CLASSES) + 1))
for _place, _members in enumerate(_CLASSES.values()):
    _CLASS_OF_BYTE[[ord(member) for member in _members], _place] = 1.0
_CLASS_OF_BYTE[128:, -1] = 1.0
_SENTENCES = list(_CLASSES).index("sentences")

_COUNTS = (
    "characters",
    "words",
    "words_per_sentence",
    "long_words",
    "distinct_words",
    "numbers",
    "longest_number",
    "lines",
    "options",
    "steps",
)
STRUCTURE = (
    *_COUNTS,
    *_CLASSES,
    "foreign",
    "word_length",
    "long_word_share",
    "distinct_share",
    "number_share",
    "step_share",
    "negated",
    "which",
    "why",
    "make",
    "code",
    "ends_asking",
)
"""Names of the structural features. Counts are given as log(1 + count), shares as they are."""
_COUNTED = len(_COUNTS) + len(_CLASSES) + 1

# a bucket is the last bits of a hash, and the last bits are all that these need
_MASK = np.uint16(BUCKETS - 1)
_PAIRING = np.uint16(0x9E3779B97F4A7C15 & 0xFFFF)
_BEGINNING = 1
"""Stands before the first word, so that how a prompt begins is a pair of its own."""

# what is known of a word, in one number: its hash, then flags, then the digits of a number
_LONG, _NUMBER, _FIRST_MARK = 32, 33, 34
_DIGITS = _FIRST_MARK + len(_MARKS)
_MOST_DIGITS = 15
_FLAGS = 1 << _DIGITS - _LONG
# which flags are in what all of them make together: to count all at once
_FLAGS_OF_ALL = np.array(
    [[all_of >> flag & 1 for flag in range(_DIGITS - _LONG)] for all_of in range(_FLAGS)],
    np.float64,
)


class _Vocabulary(dict[str, int]):
    """Word to what is known of it, found out once: a prompt has hundreds, mostly the same ones."""

    _MOST = 50_000
    _LONGEST = 40  # so that what is remembered stays small whatever is asked

    def __missing__(self, word: str) -> int:
        if len(self) >= self._MOST:
            self.clear()
        number = word.isdecimal()
        # of a number only its length is kept: 37 and 58 ask for the same
        spelled = f"#{min(len(word), _LONGEST_NUMBER)}" if number else word
        known = crc32(spelled.encode(errors="surrogatepass"))
        known |= (len(word) >= _LONG_WORD) << _LONG | number << _NUMBER
        for bit, marks in enumerate(_MARKS, _FIRST_MARK):
            known |= (word in marks) << bit
        if number:
            known |= min(len(word), _MOST_DIGITS) << _DIGITS
        if len(word) <= self._LONGEST:
            self[word] = known
        return known


_KNOWN = _Vocabulary()


class Reading(NamedTuple):
    """What is seen of one prompt.

    Attributes:
        buckets: Hashed words, word pairs and shared lines; each bucket once, rising.
        structure: A figure for each of :data:`STRUCTURE`.
    """

    buckets: NDArray[np.uint16]
    structure: NDArray[np.float64]


def normalized_lines(prompt: str) -> list[str]:
    """Bring a prompt to one form; give its lines, single-spaced, none of them empty."""
    if len(prompt) > MAX_CHARACTERS:
        prompt = f"{prompt[: MAX_CHARACTERS // 2]}\n{prompt[-MAX_CHARACTERS // 2 :]}"
    if not prompt.isascii():
        prompt = unicodedata.normalize("NFKC", prompt)
        for mark, plain in _TYPOGRAPHY:  # a translation table would take five times as long
            prompt = prompt.replace(mark, plain)
    text = prompt.lower().strip()
    opening = _OPENING.match(text)
    text = text[opening.end() if opening else 0 :]
    if "thank" in text[-_CLOSING_CHARACTERS:]:
        thanks = _CLOSING.search(text, max(0, len(text) - _CLOSING_CHARACTERS))
        text = text[: thanks.start() if thanks else None].rstrip()
    label = _ANSWER_LABEL.search(text, max(0, len(text) - _CLOSING_CHARACTERS))
    text = text[: label.start() if label else None]
    return [" ".join(words) for words in map(str.split, text.split("\n")) if words]


def line_hash(line: str) -> int:
    """Give the number by which a line that many prompts share is known."""
    return crc32(line.encode(errors="surrogatepass"))


def read_prompt(prompt: str, shared_lines: Container[int] = frozenset()) -> Reading:
    """Read the features of a prompt.

    Args:
        prompt: What is asked.
        shared_lines: :func:`line_hash` of the lines that stand in many prompts.
    """
    lines = normalized_lines(prompt)
    shared: list[int] = []
    if shared_lines:
        own = []
        for line in lines:
            hashed = line_hash(line)
            if hashed in shared_lines:
                shared.append(hashed)
            else:
                own.append(line)
        lines = own
    text = "\n".join(lines)
    encoded = text.encode(errors="surrogatepass")
    words = encoded.translate(_SPACED).decode().split() if text.isascii() else _TOKENS.findall(text)
    known = np.array([_BEGINNING, *map(_KNOWN.__getitem__, words)], np.int64)
    hashes = known.astype(np.uint16)
    own_hashes = hashes[1:]
    found = [own_hashes, hashes[:-1] * _PAIRING + own_hashes]
    if shared:
        found.append(np.array(shared, np.int64).astype(np.uint16))
    buckets = np.concatenate(found)
    buckets &= _MASK
    buckets.sort(kind="stable")  # a radix sort, for so short a type
    first = np.empty(len(buckets), np.bool_)
    first[:1] = True
    np.not_equal(buckets[1:], buckets[:-1], out=first[1:])
    return Reading(buckets[first], _structure(text, encoded, lines, words, known))


def _structure(
    text: str, encoded: bytes, lines: list[str], words: list[str], known: NDArray[np.int64]
) -> NDArray[np.float64]:
    counts = np.bincount(np.frombuffer(encoded, np.uint8), minlength=256)
    by_class = (counts @ _CLASS_OF_BYTE).tolist()
    flags = np.bincount(known >> _LONG & _FLAGS - 1, minlength=_FLAGS)
    long, numbers, steps, *asked = (flags @ _FLAGS_OF_ALL).tolist()
    distinct = len(set(words))
    count = len(words) + 1
    figures = np.array(
        (
            len(text),
            count,
            count / (by_class[_SENTENCES] + 1),
            long,
            distinct,
            numbers,
            int(known.max()) >> _DIGITS,
            len(lines),
            sum([line[1:2] in _AFTER_OPTION and line[:1].isalnum() for line in lines]),
            steps,
            *by_class,
            len(text) / count,
            10 * long / count,
            10 * distinct / count,
            10 * numbers / count,
            10 * steps / count,
            *[found > 0 for found in asked],
            any(mark in text for mark in _CODE),
            text.endswith("?"),
        ),
        np.float64,
    )
    np.log1p(figures[:_COUNTED], out=figures[:_COUNTED])
    return figures
