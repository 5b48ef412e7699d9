"""What is seen of a prompt, and what is not."""

from __future__ import annotations

import time

import numpy as np
import pytest

from llmrouter_integrations.routing import text_features
from llmrouter_integrations.routing.text_features import (
    BUCKETS,
    MAX_CHARACTERS,
    STRUCTURE,
    line_hash,
    normalized_lines,
    read_prompt,
)

PLAIN = "What's the well-known rule? Explain it in 3 steps."


def seen(prompt):
    return dict(zip(STRUCTURE, read_prompt(prompt).structure.tolist(), strict=True))


@pytest.mark.parametrize(
    "prompt",
    [
        PLAIN.upper(),
        f"  {PLAIN}\n\n",
        PLAIN.replace("'", "\u2019").replace("-", "\u2013"),
        f"Hello! Could you please help me with this?\n\n{PLAIN}\n\nThank you!",
        f"Hi there, {PLAIN} Thanks in advance!",
        f"Question: {PLAIN}\nAnswer:",
        f"Please {PLAIN}",
        PLAIN.replace("3", "7"),  # of a number only the length counts
    ],
)
def test_another_way_to_write_it_is_read_the_same(prompt):
    one, other = read_prompt(PLAIN), read_prompt(prompt)
    assert one.buckets.tolist() == other.buckets.tolist()
    np.testing.assert_allclose(one.structure, other.structure)


@pytest.mark.parametrize(
    "prompt", [PLAIN.replace("rule", "exception"), PLAIN.replace("3", "300"), f"{PLAIN} Why?"]
)
def test_another_question_is_not(prompt):
    assert read_prompt(PLAIN).buckets.tolist() != read_prompt(prompt).buckets.tolist()


def test_the_order_of_words_is_seen():
    one, other = [read_prompt(text).buckets for text in ("dog bites man", "man bites dog")]
    assert len(np.intersect1d(one, other)) == 3
    assert len(one) == len(other) == 6


@pytest.mark.parametrize(
    ("prompt", "name", "value"),
    [
        ("a b c", "words", np.log1p(4)),
        ("one\ntwo", "lines", np.log1p(2)),
        ("A) yes\nB) no\nneither", "options", np.log1p(2)),
        ("the sum of 12345 and 6", "numbers", np.log1p(2)),
        ("the sum of 12345 and 6", "longest_number", np.log1p(5)),
        ("extraordinarily short", "long_words", np.log1p(1)),
        ("twice as much, then half", "steps", np.log1p(3)),
        ("2 + 2 = 4", "operators", np.log1p(2)),
        ("it costs $5", "dollars", np.log1p(1)),
        ("this is not so", "negated", 1),
        ("which of these", "which", 1),
        ("describe it", "why", 1),
        ("build a shed", "make", 1),
        ("def f(x): pass", "code", 1),
        ("is it so?", "ends_asking", 1),
        ("is it so", "ends_asking", 0),
    ],
)
def test_structure_is_counted(prompt, name, value):
    assert seen(prompt)[name] == pytest.approx(value)


def test_lines_of_a_template_count_once_and_their_words_not_at_all():
    line = "answer in one word"
    told = read_prompt(f"Answer in one word\n{PLAIN}", frozenset([line_hash(line)]))
    plain = read_prompt(PLAIN)
    assert set(plain.buckets) < set(told.buckets)
    assert len(told.buckets) == len(plain.buckets) + 1
    np.testing.assert_allclose(told.structure, plain.structure)


def test_a_line_of_a_template_is_known_again_with_other_spaces():
    line = line_hash("one. word. only")
    told = [read_prompt(f"One.{gap}Word. Only\n{PLAIN}", frozenset([line])) for gap in (" ", "  ")]
    assert set(told[0].buckets) == set(told[1].buckets)
    assert len(told[0].buckets) == len(read_prompt(PLAIN).buckets) + 1


def test_a_long_prompt_is_read_at_both_ends_in_bounded_time():
    middle = "padding " * 400_000
    began = time.perf_counter()
    lines = normalized_lines(f"first words\n{middle}\nlast words")
    read_prompt(f"first words\n{middle}\nlast words")
    assert time.perf_counter() - began < 0.2
    assert (lines[0], lines[-1]) == ("first words", "last words")
    assert sum(map(len, lines)) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    "prompt", ["", " \n ", "\ud800", "\x00\x00", "日本語で答えて、42", "\u0661\u0662", "?!." * 50]
)
def test_anything_can_be_read(prompt):
    found = read_prompt(prompt)
    assert np.isfinite(found.structure).all()
    assert (np.diff(found.buckets.astype(int)) > 0).all()
    assert (found.buckets < BUCKETS).all()


def test_scripts_without_spaces_are_read_by_character():
    assert len(read_prompt("日本語").buckets) == 6


def test_what_is_remembered_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr(text_features._Vocabulary, "_MOST", 10)
    before = read_prompt("alpha beta gamma").buckets.tolist()
    read_prompt(" ".join(f"word{n}" for n in range(100)))
    assert len(text_features._KNOWN) <= 10
    read_prompt("x" * 1000)
    assert not any(len(word) > 40 for word in text_features._KNOWN)
    assert read_prompt("alpha beta gamma").buckets.tolist() == before
