"""wire/history.py: a conversation begun anywhere goes on anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.errors import InvalidRequestError, UnsupportedParameterError
from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    Citation,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.history import (
    NO_RESULT,
    Reader,
    merge_roles,
    portable,
    split_system,
    tool_ids,
)
from llmrouter_integrations.wire.tool_names import ToolNames

MISTRAL = tool_ids(r"[a-zA-Z0-9]{9}", length=9)
ANTHROPIC = tool_ids(r"[a-zA-Z0-9_-]{1,64}", prefix="toolu_")


def user(*parts):
    return Message("user", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts):
    return Message("assistant", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def call(call_id, name="f", **more):
    return ToolCallPart(call_id, name, "{}", **more)


def result(call_id, text="ok", name="f"):
    return ToolResultPart(call_id, (TextPart(text),), name)


def tool(*parts):
    return Message("tool", parts)


def no_result(call_id):
    return ToolResultPart(call_id, (TextPart(NO_RESULT),), "f", is_error=True)


def test_nothing_to_do_gives_the_same_objects():
    history = (
        Message("system", (TextPart("be brief"), CachePoint())),
        user("hi", ImagePart(url="https://x/y.png")),
        assistant(ReasoningPart("hm", "anthropic", "sig"), "calling", call("a"), call("b")),
        tool(result("a"), result("b"), CachePoint()),
        assistant("done"),
    )
    messages, adjustments = portable(history, Reader("anthropic", ANTHROPIC))
    assert adjustments == ()
    assert len(messages) == len(history)
    assert all(ours is theirs for ours, theirs in zip(messages, history, strict=True))


def test_results_that_came_one_by_one_make_one_turn():
    calls = assistant(call("a"), call("b"))
    history = (calls, tool(result("a")), tool(result("b"), CachePoint()), user("so?"))
    assert portable(history, Reader("openai")) == (
        [calls, tool(result("a"), result("b"), CachePoint()), user("so?")],
        (),
    )


FOREIGN = [
    (ReasoningPart("hm", "openai", "sig"), None, "reasoning"),
    (ReasoningPart("hm", "openai"), None, "reasoning"),
    (ReasoningPart(issuer="openai", signature="x", redacted=True), None, "reasoning"),
    (OpaquePart("openai", {"type": "web_search_call"}), None, "opaque part"),
    (
        ImagePart(file_id="file-1", issuer="openai"),
        TextPart("[image left out: it cannot be read here]"),
        "file_id",
    ),
    (
        ImagePart(file_id="file-1", url="https://x/y", issuer="openai"),
        ImagePart(url="https://x/y", issuer="openai"),
        None,
    ),
    (
        FilePart(file_id="file-1", text="words", issuer="openai"),
        FilePart(text="words", issuer="openai"),
        None,
    ),
    (TextPart("a", signature="s", item_id="m", issuer="openai"), TextPart("a"), "signature"),
    (
        TextPart("a", (Citation(url="https://x", raw={"k": 1}),), issuer="openai"),
        TextPart("a"),
        None,
    ),
    (TextPart("a", issuer="openai"), TextPart("a", issuer="openai"), None),
    (ReasoningPart("hm"), ReasoningPart("hm"), None),
    (ImagePart(file_id="file_1"), ImagePart(file_id="file_1"), None),
    (
        AudioPart(file_id="audio_1", transcript="hi", issuer="openai"),
        AudioPart(transcript="hi", issuer="openai"),
        None,
    ),
    (OpaquePart("anthropic", {"a": 1}), OpaquePart("anthropic", {"a": 1}), None),
]


@pytest.mark.parametrize(("part", "left", "parameter"), FOREIGN)
def test_what_only_another_issuer_reads_is_left_out(part, left, parameter):
    history = (assistant(part, "x"),)
    messages, adjustments = portable(history, Reader("anthropic"))
    assert messages == [assistant("x") if left is None else assistant(left, "x")]
    assert [a.parameter for a in adjustments] == ([parameter] if parameter else [])
    assert all("openai" in a.detail for a in adjustments)


STORED = [
    ("anthropic", "file-1", None, False),
    ("anthropic", "file_1", None, True),
    ("anthropic", "file_1", "openai", False),
    ("anthropic", "spelled-at-will", "anthropic", True),
    ("gemini", "file-1", None, False),
    ("gemini", "files/1", None, True),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta/files/1", None, True),
    ("gemini", "gs://bucket/1", None, True),
    ("openai", "file-1", None, True),
    ("openai", "file_1", "anthropic", False),
    ("mistral", "8a1c", None, True),
]


@pytest.mark.parametrize(("reader", "file_id", "issuer", "kept"), STORED)
def test_a_file_is_shown_to_whoever_stores_it_and_asked_of_no_one_else(
    reader, file_id, issuer, kept
):
    shown = user("see", FilePart(file_id=file_id, issuer=issuer))
    earlier = (shown, assistant("I see"), user("so?"))
    messages, adjustments = portable(earlier, Reader(reader))
    left = user("see", "[file left out: it cannot be read here]")
    assert messages[0] == (shown if kept else left)
    assert [a.parameter for a in adjustments] == ([] if kept else ["file_id"])
    pending = (shown, assistant(call("a")), tool(result("a")))
    if kept:
        assert portable(pending, Reader(reader)) == (list(pending), ())
        return
    with pytest.raises(UnsupportedParameterError, match=file_id) as raised:
        portable(pending, Reader(reader))
    assert (raised.value.parameter, raised.value.sent) == ("file_id", False)


def test_the_words_of_foreign_reasoning_can_be_kept():
    history = (
        assistant(ReasoningPart("hm", "openai", "sig", item_id="rs_1"), "x"),
        assistant(ReasoningPart(issuer="openai", signature="sig", redacted=True), "y"),
    )
    messages, adjustments = portable(history, Reader("deepseek", drop_foreign_reasoning=False))
    assert messages == [assistant(ReasoningPart("hm", "openai"), "x"), assistant("y")]
    assert [(a.parameter, a.action) for a in adjustments] == [
        ("reasoning", "translated"),
        ("reasoning", "dropped"),
    ]


def test_each_kind_of_change_is_told_once_with_all_its_issuers():
    history = (
        assistant(ReasoningPart("a", "openai"), "x"),
        user("go on"),
        assistant(ReasoningPart("b", "gemini"), ReasoningPart("c", "openai"), "y"),
    )
    assert portable(history, Reader("anthropic"))[1] == (
        Adjustment("reasoning", "dropped", "only its issuer can read it back (gemini, openai)"),
    )


def test_the_signature_of_a_foreign_call_goes_and_the_call_stays():
    history = (
        assistant(call("a", signature="s", item_id="fc_1", issuer="openai")),
        tool(result("a")),
    )
    messages, adjustments = portable(history, Reader("gemini"))
    assert messages == [assistant(call("a")), tool(result("a"))]
    assert [a.parameter for a in adjustments] == ["signature"]


def test_foreign_parts_inside_a_tool_result_go_too():
    inner = (TextPart("see"), ImagePart(file_id="file-1", issuer="openai"))
    history = (assistant(call("a")), tool(ToolResultPart("a", inner, "f")))
    messages, adjustments = portable(history, Reader("anthropic"))
    note = TextPart("[image left out: it cannot be read here]")
    assert messages[1] == tool(ToolResultPart("a", (TextPart("see"), note), "f"))
    assert [a.parameter for a in adjustments] == ["file_id"]


PAIRING = [
    pytest.param(
        (assistant(call("a"), call("b")), tool(result("b")), tool(result("a"))),
        [assistant(call("a"), call("b")), tool(result("a"), result("b"))],
        id="results in the order of their calls",
    ),
    pytest.param(
        (assistant(call("a")), user("wait"), tool(result("a"), CachePoint())),
        [assistant(call("a")), tool(result("a"), CachePoint()), user("wait")],
        id="a late result moves behind its call, with its cache point",
    ),
    pytest.param(
        (assistant(call("a"), call("b")), tool(result("b")), user("so?")),
        [assistant(call("a"), call("b")), tool(no_result("a"), result("b")), user("so?")],
        id="a call without result is given one",
    ),
    pytest.param(
        (user("x"), assistant(call("a"))),
        [user("x"), assistant(call("a")), tool(no_result("a"))],
        id="also at the end",
    ),
    pytest.param(
        (user("x"), tool(result("gone", "42", "sum"))),
        [user("x"), user("Result of the tool sum:\n", "42")],
        id="an orphan becomes user text",
    ),
    pytest.param(
        (user("x"), tool(ToolResultPart("gone"))),
        [user("x")],
        id="an empty orphan is dropped",
    ),
    pytest.param(
        (assistant(call("a")), tool(result("a", "1")), tool(result("a", "2"))),
        [assistant(call("a")), tool(result("a", "1")), user("Result of the tool f:\n", "2")],
        id="a second result of one call is an orphan",
    ),
    pytest.param(
        (assistant(call("a")), user(result("a"), "and now?")),
        [assistant(call("a")), tool(result("a")), user("and now?")],
        id="results inside a user turn",
    ),
    pytest.param(
        (
            assistant(call("a")),
            tool(result("a", "1")),
            assistant(call("a")),
            tool(result("a", "2")),
        ),
        [
            assistant(call("a")),
            tool(result("a", "1")),
            assistant(call("a-2")),
            tool(result("a-2", "2")),
        ],
        id="an id used again",
    ),
    pytest.param(
        (assistant(call("a")), assistant(call("a")), tool(result("a", "2"))),
        [
            assistant(call("a")),
            tool(no_result("a")),
            assistant(call("a-2")),
            tool(result("a-2", "2")),
        ],
        id="an id used again means the later call",
    ),
    pytest.param(
        (assistant(call(""), call("")), tool(result("", "1")), tool(result("", "2"))),
        [
            assistant(call("call"), call("call-2")),
            tool(result("call", "1"), result("call-2", "2")),
        ],
        id="calls without ids are matched in order",
    ),
    pytest.param(
        (user("x"), user(""), assistant(), Message("user", (CachePoint(),)), user("y")),
        [user("x"), user("y")],
        id="empty turns are dropped",
    ),
    pytest.param(
        (assistant(call("a")), Message("tool", (ToolResultPart("a", (TextPart("1"),)),))),
        [assistant(call("a")), Message("tool", (ToolResultPart("a", (TextPart("1"),)),))],
        id="a result needs no name",
    ),
]


@pytest.mark.parametrize(("history", "expected"), PAIRING)
def test_every_result_stands_behind_its_call(history, expected):
    assert portable(history, Reader("anthropic"))[0] == expected


def test_tool_ids_are_respelled_in_calls_and_results_alike():
    history = (assistant(call("call_one:1"), call("abcdefgh1")), tool(result("call_one:1")))
    messages, adjustments = portable(history, Reader("mistral", MISTRAL))
    ids = [c.id for c in messages[0].tool_calls]
    assert ids == [MISTRAL("call_one:1"), "abcdefgh1"]
    assert len(ids[0]) == 9
    assert [p.tool_call_id for p in messages[1].parts] == ids
    assert ("tool_call_id", "translated") in [(a.parameter, a.action) for a in adjustments]


def test_merge_roles_joins_neighbours_only():
    turns = [user("a"), user("b"), assistant("c"), user("d")]
    assert merge_roles(turns) == [user("a", "b"), assistant("c"), user("d")]
    assert merge_roles([]) == []


def test_split_system_takes_every_instruction_in_order():
    turns = [
        Message("system", (TextPart("a"),)),
        user("q"),
        Message("developer", (TextPart("b"), CachePoint())),
    ]
    told: list[Adjustment] = []
    assert split_system(turns, told) == ((TextPart("a"), TextPart("b"), CachePoint()), [user("q")])
    assert [(a.parameter, a.action) for a in told] == [("system", "translated")]


def test_instructions_at_the_front_are_not_moved():
    told: list[Adjustment] = []
    turns = [Message("system", (TextPart("a"),)), Message("developer", (TextPart("b"),)), user("q")]
    assert split_system(turns, told)[1] == [user("q")]
    assert told == []


EMPTY = [
    pytest.param((), InvalidRequestError, "messages is empty", id="no turn"),
    pytest.param((user(""),), InvalidRequestError, r"messages\[0\] \(user\) is empty", id="empty"),
    pytest.param((user(" \n"),), InvalidRequestError, r"messages\[0\]", id="blank"),
    pytest.param((user(CachePoint()),), InvalidRequestError, r"messages\[0\]", id="a mark only"),
    pytest.param(
        (user("q"), assistant("a"), user("")),
        InvalidRequestError,
        r"messages\[2\] \(user\) is empty",
        id="behind an answer, which would be continued",
    ),
    pytest.param(
        (user(OpaquePart("openai", {"type": "input_video"})),),
        UnsupportedParameterError,
        r"messages\[0\] \(user\) holds nothing that anthropic can read",
        id="another vendor's block, which that vendor's model may answer",
    ),
]


@pytest.mark.parametrize(("history", "error", "says"), EMPTY)
def test_nothing_to_answer_is_refused_before_it_is_sent(history, error, says):
    with pytest.raises(InvalidRequestError, match=says) as raised:
        portable(history, Reader("anthropic", blanks=False))
    assert type(raised.value) is error
    assert raised.value.sent is False


@pytest.mark.parametrize(
    ("history", "left"),
    [
        ((user("a"), user(""), user("b")), [user("a"), user("b")]),
        ((user("a"), assistant(""), user("b")), [user("a"), user("b")]),
        ((user("a"), assistant("")), [user("a")]),
        ((Message("system", (TextPart("s"),)), user("")), [Message("system", (TextPart("s"),))]),
    ],
)
def test_an_empty_turn_is_dropped_with_a_word(history, left):
    messages, adjustments = portable(history, Reader("anthropic"))
    assert messages == left
    assert [(a.parameter, a.action) for a in adjustments] == [("messages", "dropped")]


def test_blanks_are_a_turn_where_they_count():
    history = (user(" "), assistant("a"), user("b"))
    assert portable(history, Reader("openai")) == (list(history), ())
    assert portable(history, Reader("anthropic", blanks=False))[0] == list(history[1:])


def test_names_cache_points_and_tool_names_go_where_they_are_not_taken():
    history = (
        Message("user", (TextPart("a"), CachePoint()), "John Doe"),
        assistant(call("c", "my.tool"), call("d", "2nd tool")),
        Message(
            "tool", (ToolResultPart("c", (TextPart("1"), CachePoint()), "my.tool"),), "my.tool"
        ),
        tool(result("d", "2", "2nd tool")),
    )
    names = ToolNames(r"[a-zA-Z0-9_-]{1,64}").respell
    messages, adjustments = portable(
        history, Reader("anthropic", tool_name=names, names=False, cache_points=False)
    )
    assert messages == [
        user("a"),
        assistant(call("c", "my_tool"), call("d", "_2nd_tool")),
        tool(result("c", "1", "my_tool"), result("d", "2", "_2nd_tool")),
    ]
    assert {(a.parameter, a.action) for a in adjustments} == {
        ("name", "dropped"),
        ("cache point", "dropped"),
        ("tool name", "translated"),
    }


call_ids = st.sampled_from(["", "a", "b", "c:1", "a-2", "call"])
issuers = st.sampled_from([None, "anthropic", "openai"])
texts = st.builds(TextPart, st.sampled_from(["", "x"]), issuer=issuers, signature=st.none())
parts = st.one_of(
    texts,
    st.builds(TextPart, st.just("s"), signature=st.just("sig"), issuer=issuers),
    st.builds(ReasoningPart, st.just("r"), issuers, st.sampled_from([None, "sig"])),
    st.builds(OpaquePart, st.sampled_from(["anthropic", "openai"]), st.just({"k": 1})),
    st.builds(ImagePart, file_id=st.sampled_from(["file_f", "file-f"]), issuer=issuers),
    st.just(CachePoint()),
)
calls = st.builds(ToolCallPart, call_ids, st.just("f"), signature=st.none(), issuer=issuers)
results = st.builds(ToolResultPart, call_ids, st.tuples(parts))
histories = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), st.lists(st.one_of(parts, results)).map(tuple)),
        st.builds(Message, st.just("assistant"), st.lists(st.one_of(parts, calls)).map(tuple)),
        st.builds(Message, st.just("tool"), st.lists(st.one_of(results, parts)).map(tuple)),
    ),
    max_size=8,
).map(tuple)


@settings(max_examples=150, deadline=None)
@given(histories, st.sampled_from([None, MISTRAL, ANTHROPIC]), st.booleans())
def test_any_history_becomes_one_that_a_vendor_takes(history, tool_id, drop):
    try:
        messages, _ = portable(history, Reader("anthropic", tool_id, drop_foreign_reasoning=drop))
    except InvalidRequestError:
        return  # there is nothing to answer
    seen: set[str] = set()
    expected: list[str] = []
    for message in messages:
        results_here = [p.tool_call_id for p in message.parts if isinstance(p, ToolResultPart)]
        assert results_here == expected[: len(results_here)]
        expected = expected[len(results_here) :]
        assert message.role == "tool" or not (expected or results_here)
        ids = [c.id for c in message.tool_calls]
        assert not seen & set(ids)
        assert len(set(ids)) == len(ids)
        assert all(i and (tool_id is None or tool_id(i) == i) for i in ids)
        seen.update(ids)
        expected += ids
        for part in message.parts:
            assert not isinstance(part, OpaquePart) or part.issuer == "anthropic"
            if getattr(part, "signature", None) or getattr(part, "file_id", None):
                assert part.issuer in (None, "anthropic")
    assert expected == []
    # Once mended it is left alone: what was sent before is sent again, and the cache holds.
    assert portable(tuple(messages), Reader("anthropic", tool_id, drop_foreign_reasoning=drop)) == (
        messages,
        (),
    )


@settings(max_examples=100, deadline=None)
@given(histories)
def test_no_words_are_lost(history):
    def words(turns):
        flat = [p for m in turns for p in m.parts]
        flat += [p for r in flat if isinstance(r, ToolResultPart) for p in r.content]
        return sorted(p.text for p in flat if isinstance(p, TextPart) and p.text in ("x", "s"))

    try:
        messages, _ = portable(history, Reader("anthropic"))
    except InvalidRequestError:
        return  # there is nothing to answer
    assert words(messages) == words(history)
