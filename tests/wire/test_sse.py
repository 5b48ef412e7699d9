"""Events out of bytes: the grammar, its dialects, and cuts anywhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.errors import ProtocolViolationError
from llmrouter_integrations.wire.sse import SseParser

Event = tuple[str, bytes]


def read(*pieces: bytes) -> list[Event]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.flush()


CASES: dict[str, tuple[bytes, list[Event]]] = {
    "one line": (b'data: {"a":1}\n\n', [("", b'{"a":1}')]),
    "no blank after the colon": (b"data:x\n\n", [("", b"x")]),
    "only one blank is taken": (b"data:  x\n\n", [("", b" x")]),
    "named": (b"event: ping\ndata: x\n\n", [("ping", b"x")]),
    "name after data": (b"data: x\nevent: ping\n\n", [("ping", b"x")]),
    "several data lines": (b"data: {\ndata: }\n\n", [("", b"{\n}")]),
    "empty data line": (b"data\n\n", [("", b"")]),
    "crlf": (b"event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n", [("a", b"x"), ("", b"y")]),
    "cr": (b"data: x\r\rdata: y\r\r", [("", b"x"), ("", b"y")]),
    "mixed line ends": (b"data: x\r\n\ndata: y\n\r\n", [("", b"x"), ("", b"y")]),
    "comments and pings": (b": keep-alive\n\n:\n\ndata: x\n\n", [("", b"x")]),
    "comment inside an event": (b": note\ndata: x\n\n", [("", b"x")]),
    "id and retry": (b"id: 1\nretry: 5\ndata: x\n\n", [("", b"x")]),
    "name without data": (b"event: ping\n\ndata: x\n\n", [("", b"x")]),
    "byte order mark": (b"\xef\xbb\xbfdata: x\n\n", [("", b"x")]),
    "more blank lines than needed": (b"\n\n\ndata: x\n\n\n\ndata: y\n\n", [("", b"x"), ("", b"y")]),
    "non-ascii": ("event: é\ndata: ü\n\n".encode(), [("é", "ü".encode())]),
    "unterminated": (b"data: x\n\ndata: [DONE]", [("", b"x"), ("", b"[DONE]")]),
    "bare json": (b'{"error":\n "no"}', [("", b'{"error":\n "no"}')]),
    "nothing": (b"", []),
    "only a comment": (b": OPENROUTER PROCESSING\n\n", []),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_reads(stream: bytes, expected: list[Event]) -> None:
    assert read(stream) == expected
    assert read(*[stream[i : i + 1] for i in range(len(stream))]) == expected


@settings(max_examples=200, deadline=None)
@given(stream=st.sampled_from([case[0] for case in CASES.values()]), cuts=st.data())
def test_cuts_do_not_matter(stream: bytes, cuts: st.DataObject) -> None:
    whole = stream * 2
    at = sorted(cuts.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *at], [*at, len(whole)], strict=True)]
    assert read(*pieces) == read(whole)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\r\n", codec="utf-8")),
            st.binary(max_size=30).map(lambda b: b.translate(None, b"\r\n")),
        ),
        max_size=6,
    )
)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(events: list[Event]) -> None:
    stream = b"".join(
        [b"event: " + name.encode() + b"\ndata: " + data + b"\n\n" for name, data in events]
    )
    assert read(stream) == events


def test_an_event_is_given_as_soon_as_it_ends() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\r\n\r") == [("", b"x")]
    assert parser.feed(b"\ndata: y\n") == []
    assert parser.feed(b"\n") == [("", b"y")]


def test_an_event_without_end_is_refused() -> None:
    parser = SseParser(max_event_bytes=100)
    parser.feed(b"data: ok\n\n")
    for _ in range(6):
        assert parser.feed(b"data: 0123456789") == []
    with pytest.raises(ProtocolViolationError, match="100 bytes"):
        parser.feed(b"data: 0123456789")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_page_is_told_from_a_stream(size: int) -> None:
    page = b"\xef\xbb\xbf\r\n<!DOCTYPE html>\n\n<title>Sign in</title>"
    with pytest.raises(ProtocolViolationError, match="is HTML"):
        read(*[page[at : at + size] for at in range(0, len(page), size)])


def test_ended_events_do_not_count_towards_the_limit() -> None:
    parser = SseParser(max_event_bytes=50)
    for _ in range(20):
        assert parser.feed(b"data: 0123456789\n\n") == [("", b"0123456789")]
