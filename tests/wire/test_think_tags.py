"""Reasoning written into the text, parted from it wherever it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter_integrations.wire.think_tags import ThinkTags


def part(pieces):
    tags = ThinkTags()
    told = [tags.feed(piece) for piece in pieces] + [tags.flush()]
    return "".join(r for r, _ in told), "".join(t for _, t in told)


@pytest.mark.parametrize(
    ("said", "reasoning", "text"),
    [
        ("plain", "", "plain"),
        ("", "", ""),
        ("<think>hm</think>yes", "hm", "yes"),
        ("\n<think>\nhm\n\n</think>\n\nyes\n", "hm", "yes\n"),
        ("<think></think>yes", "", "yes"),
        ("<think>hm", "hm", ""),
        ("<think>hm</thi", "hm</thi", ""),
        ("<think>a </b> c</think>d", "a </b> c", "d"),
        ("<thin", "", "<thin"),
        ("a<think>b</think>", "", "a<think>b</think>"),
        ("<think>a</think><think>b", "a", "<think>b"),
        ("  a", "", "  a"),
    ],
)
def test_parting(said, reasoning, text):
    assert part([said]) == (reasoning, text)
    assert part(said) == (reasoning, text)


@given(
    pieces=st.lists(
        st.sampled_from(["<think>", "</think>", "<", "</", "think>", "a", " ", "\n", "b c"]),
        max_size=8,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_it_does_not_matter_where_the_text_is_cut(pieces, cuts):
    said = "".join(pieces)
    at = sorted(min(cut, len(said)) for cut in cuts)
    cut = [said[a:b] for a, b in zip([0, *at], [*at, len(said)], strict=True)]
    assert part(cut) == part([said])


def test_plain_text_is_not_held_back():
    tags = ThinkTags()
    assert tags.feed("The") == ("", "The")
    assert tags.settled
