"""What an answer is: whole, or in which way not."""

from __future__ import annotations

import pytest

from llmrouter_integrations import Message, Response
from llmrouter_integrations.drill.answers import (
    kind_of_object,
    kind_of_text,
    tokens_of,
    whole_reply,
    whole_text,
)
from llmrouter_integrations.drill.calling import Asked, Heard
from llmrouter_integrations.drill.judging import judged, judged_echo
from llmrouter_integrations.drill.rows import chosen
from llmrouter_integrations.errors import AllTargetsFailed, StreamInterrupted, TargetConnectionError
from llmrouter_integrations.messages import RefusalPart, TextPart, ToolCallPart

WHOLE, OTHER = whole_text("t0", 7), whole_text("t1", 7)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (WHOLE, "whole"),
        (WHOLE[:50], "truncated"),
        ("", "truncated"),
        (WHOLE[7:48], "wrong"),
        (WHOLE[:48] + OTHER[48:], "spliced"),
        (WHOLE[:48] + WHOLE, "spliced"),
        (WHOLE + " ", "spliced"),
        (whole_text("t0", 8)[:-1], "wrong"),
        (OTHER, "wrong"),
        ("Sure! Here it is", "spliced"),
    ],
)
def test_a_text_is_whole_only_if_it_is_the_targets_own_to_the_letter(text, kind):
    assert kind_of_text(text, "t0", 7) == kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('{"id": "7", "by": "t0"}', "whole"),
        ('{"id": "7", "by": "t1"}', "spliced"),
        ('{"id": "8", "by": "t0"}', "wrong"),
        ('{"id": 7}', "wrong"),
        ("7", "wrong"),
        ('{"id": "7", "b', "truncated"),
    ],
)
def test_an_object_is_whole_only_if_it_is_the_targets_own(said, kind):
    assert kind_of_object(said, "t0", 7) == kind


@pytest.mark.parametrize(
    ("text", "duplicated", "lost"),
    [(WHOLE, 0, 0), (f"{WHOLE} {WHOLE}", 64, 0), ("", 0, 64), (WHOLE.replace("t0.7.5 ", ""), 0, 1)],
)
def test_words_that_came_twice_or_never_are_counted(text, duplicated, lost):
    assert tokens_of(text) == (duplicated, lost)


def heard(text="", response=None, error=None, ask="text"):
    return Heard(Asked("Drill 7", 7, ask), text, response, error)


def said(*parts, finish="stop"):
    return Response(message=Message("assistant", parts), finish_reason=finish, target="x")


def broken(text, partial):
    cause = TargetConnectionError("cut")
    return heard(text, error=StreamInterrupted(said(TextPart(partial)), cause))


(OVERLOADED,) = chosen(["overloaded"])
(MAX_TOKENS,) = chosen(["max-tokens"])
(REFUSAL,) = chosen(["refusal"])
(HALF,) = [whole_reply("t0", 7, "text").text[: len(WHOLE) // 2]]
DECLINED = "I'm sorry, I can't help with that."
CALL = ToolCallPart("c", "look_up", '{"id": "7", "by": "t0"}')

CASES = [
    (heard(WHOLE, said(TextPart(WHOLE))), OVERLOADED, "whole"),
    (heard(WHOLE, said(TextPart(WHOLE[:40]))), OVERLOADED, "wrong"),
    (heard(WHOLE[:40], said(TextPart(WHOLE[:40]))), OVERLOADED, "truncated"),
    (heard(WHOLE), OVERLOADED, "truncated"),
    (heard(error=AllTargetsFailed(())), OVERLOADED, "failed"),
    (heard(error=KeyError("x")), OVERLOADED, "crashed"),
    (broken(WHOLE[:40], WHOLE[:40]), OVERLOADED, "interrupted"),
    (broken(WHOLE[:40], WHOLE[:20]), OVERLOADED, "spliced"),
    (broken(OTHER[:40], OTHER[:40]), OVERLOADED, "spliced"),
    (heard(HALF, said(TextPart(HALF), finish="length")), MAX_TOKENS, "told"),
    (heard(HALF, said(TextPart(HALF))), MAX_TOKENS, "truncated"),
    (heard(HALF, said(TextPart(HALF), finish="length")), OVERLOADED, "truncated"),
    (heard("", said(RefusalPart(DECLINED), finish="refusal")), REFUSAL, "told"),
    (heard(DECLINED, said(TextPart(DECLINED))), REFUSAL, "told"),
    (heard("", said(TextPart(""))), REFUSAL, "truncated"),
    (heard("", said(CALL), ask="tool"), OVERLOADED, "whole"),
    (heard("", said(CALL, CALL), ask="tool"), OVERLOADED, "malformed"),
    (heard("", said(), ask="tool"), OVERLOADED, "malformed"),
    (
        heard("", said(ToolCallPart("c", "other", CALL.arguments)), ask="tool"),
        OVERLOADED,
        "malformed",
    ),
    (heard("", said(ToolCallPart("c", "look_up", "{")), ask="tool"), OVERLOADED, "malformed"),
    (heard("", said(CALL)), OVERLOADED, "wrong"),
]


@pytest.mark.parametrize(("case", "row", "outcome"), CASES)
def test_what_came_of_a_request_is_judged(case, row, outcome):
    assert judged(case, row, "t0") == outcome


ECHOED = [
    (heard("DRILL-7-ab", said(TextPart("DRILL-7-ab"))), "whole"),
    (heard("Sure: DRILL-7-ab.", said(TextPart("Sure: DRILL-7-ab."))), "whole"),
    (heard("DRILL-7-abDRILL-7-ab", said(TextPart("DRILL-7-abDRILL-7-ab"))), "spliced"),
    (heard("DRILL-7-ab", said(TextPart("DRILL"))), "spliced"),
    (heard("No.", said(TextPart("No."))), "wrong"),
    (heard("DRI", said(TextPart("DRI"), finish="length")), "told"),
    (heard("DRI"), "truncated"),
    (broken("DRI", "DRI"), "interrupted"),
    (broken("DRI", "D"), "spliced"),
    (heard(error=AllTargetsFailed(())), "failed"),
    (heard(error=KeyError("x")), "crashed"),
]


@pytest.mark.parametrize(("case", "outcome"), ECHOED)
def test_what_came_of_a_live_request_is_judged_by_its_echo(case, outcome):
    assert judged_echo(case, "DRILL-7-ab") == outcome
