"""wire/aws_eventstream.py: frames out of bytes cut anywhere, held against botocore's own reader."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.errors import ProtocolViolationError
from llmrouter_integrations.wire.aws_eventstream import MAX_FRAME_BYTES, EventStreamParser


def frame(payload, headers=b""):
    """One frame as the framing is documented; ``headers`` are already in their binary form."""
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", crc32(prelude))
    body = prelude + headers + payload
    return body + struct.pack("!I", crc32(body))


def text_header(name, value):
    name, value = name.encode(), value.encode()
    return struct.pack("!B", len(name)) + name + b"\x07" + struct.pack("!H", len(value)) + value


def header(name, kind, value=b""):
    return struct.pack("!B", len(name)) + name.encode() + bytes([kind]) + value


headers = st.dictionaries(st.text("abc:-", min_size=1, max_size=5), st.text(max_size=6), max_size=3)
frames = st.lists(st.tuples(headers, st.binary(max_size=40)), max_size=4)


@settings(max_examples=80, deadline=None)
@given(frames, st.lists(st.integers(0, 400), max_size=6))
def test_frames_are_read_as_botocore_reads_them(wanted, cuts):
    data = b"".join(
        frame(payload, b"".join(text_header(*h) for h in named.items()))
        for named, payload in wanted
    )
    theirs = EventStreamBuffer()
    theirs.add_data(data)
    expected = [(m.headers, m.payload) for m in theirs]
    assert expected == wanted

    parser, found, at = EventStreamParser(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += parser.feed(data[at:cut])
        at = max(at, cut)
    assert found == wanted


def test_headers_of_other_types_are_passed_over():
    block = b"".join(
        [
            header("a", 0),
            header("b", 1),
            header("c", 2, b"\x01"),
            header("d", 3, b"\x01\x02"),
            header("e", 4, b"\x01" * 4),
            header("f", 5, b"\x01" * 8),
            header("g", 6, b"\x00\x03abc"),
            header("h", 8, b"\x01" * 8),
            header("i", 9, b"\x01" * 16),
            text_header(":event-type", "x"),
        ]
    )
    assert EventStreamParser().feed(frame(b"p", block)) == [({":event-type": "x"}, b"p")]


GOOD = frame(b"payload", text_header("n", "v"))
LONG = struct.pack("!II", MAX_FRAME_BYTES + 1, 0)
BAD = [
    GOOD[:8] + b"\0\0\0\0" + GOOD[12:],
    GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    GOOD[:20] + b"!" + GOOD[21:],
    LONG + struct.pack("!I", crc32(LONG)) + b"\0" * 16,
    b'{"message": "not a stream"}',
    frame(b"", b"\x01n\x0bx"),
    frame(b"", b"\x09n"),
    frame(b"", b"\x01n\x07\x00\x01\xff"),
]


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_frame_is_an_error(data):
    with pytest.raises(ProtocolViolationError):
        EventStreamParser().feed(data)


def test_a_frame_under_way_is_no_frame():
    assert EventStreamParser().feed(GOOD[:-1]) == []
