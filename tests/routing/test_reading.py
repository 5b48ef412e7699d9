"""What of a prompt is read as asked and what as quoted."""

from __future__ import annotations

import pytest

from llmrouter_integrations.routing.reading import read_text

LONG = "The harbour was closed for the whole winter because of the ice on the river."


@pytest.mark.parametrize(
    ("prompt", "asked", "quoted", "mark"),
    [
        (f"Summarize: {LONG}", "summarize", "harbour", "colon"),
        (f'Translate "{LONG}" to French', "french", "harbour", "quoted"),
        (f"Label \u00ab{LONG}\u00bb please", "please", "harbour", "quoted"),
        (f"Sum up <email id=1>{LONG}</email> now", "now", "harbour", "tagged"),
        ("Fix this\n```\nfor i in range(3) print(i)\n```", "fix", "range", "fence"),
        (f"What does he mean?\n> {LONG}\n> Yours", "mean", "harbour", "cited"),
        (f"Shorten the notes. {LONG * 12} In one line, please", "shorten", "harbour", "long"),
        (f"Notes: {LONG}\n\nWhich month is meant?", "month", "harbour", "colon"),
    ],
)
def test_what_is_quoted_is_told_from_what_is_asked(prompt, asked, quoted, mark):
    seen = read_text(prompt)
    assert asked.encode() in seen.words
    assert quoted.encode() in seen.quoted
    assert asked.encode() not in seen.quoted
    if mark != "long":
        assert quoted.encode() not in seen.words
    assert mark in seen.marks


@pytest.mark.parametrize(
    "prompt",
    [
        f"Question: {LONG}",
        f"Task: {LONG}",
        f'"{LONG}"',
        f"\u201c{LONG}\u201d",
        'say "harbour" twice',
    ],
)
def test_what_is_asked_under_a_label_or_in_quotes_alone_is_asked(prompt):
    assert b"harbour" in read_text(prompt).words


def test_figures_are_alike_and_counted():
    assert read_text("17 + 25").words == read_text("48 + 12").words
    assert "digits9" in read_text("17 25 48").marks


def test_chinese_is_read_by_characters_and_pairs():
    seen = read_text("\u5199\u4e00\u9996\u8bd7")
    assert {"\u5199".encode(), "\u8bd7".encode()} <= seen.words
    assert "\u5199\u4e00".encode() in seen.pairs
    assert "han" in seen.marks


def test_full_width_and_accents_in_two_forms_are_one():
    assert read_text("\uff21\uff22\uff23\uff1f") == read_text("ABC?")
    assert read_text("cafe\u0301 noir").words == read_text("caf\u00e9 noir").words


def test_the_middle_of_a_long_text_is_not_read():
    seen = read_text("begin " * 400 + "hidden " * 2000 + "end " * 600)
    assert b"hidden" not in seen.words | seen.quoted
    assert {b"begin", b"end"} <= seen.words


@pytest.mark.parametrize(
    "polite",
    [
        "Hello! Could you please help me with this?\n\nwrite a poem\n\nThank you!",
        "Hi there, please write a poem, thanks in advance!",
        "Question: write a poem\nAnswer:",
        "Quick question: write a poem. Danke!",
        "Task: write a poem",
        "Bonjour, write a poem. Merci",
    ],
)
def test_courtesies_and_frames_are_no_part_of_what_is_asked(polite):
    assert {word for word in read_text(polite).words if word != b"."} == {b"write", b"a", b"poem"}


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("hi", "hi"),
        ("Thanks!", "thanks"),
        ("write an email to say thank you", "thank"),
        ("Hello world program in C", "hello"),
        ("Translate thanks to German", "thanks"),
    ],
)
def test_a_courtesy_that_is_the_matter_stays(prompt, word):
    assert word.encode() in read_text(prompt).words
