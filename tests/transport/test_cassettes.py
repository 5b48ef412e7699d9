"""vcrpy records and replays whatever carries the bytes."""

from __future__ import annotations

import logging

import pytest
import vcr

EVENTS = b"data: 1\n\ndata: 2\n\n"


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "vcr")


def test_a_cassette_is_recorded_and_replayed(way, serve, post, limits, tmp_path):
    def script(connection):
        while head := connection.request():
            connection.answer(EVENTS if b"/stream" in head else b'{"ok":1}', "x-request-id: r1")

    server = serve(script)
    tape = str(tmp_path / "cassette.yaml")
    heard = []
    for mode in ("once", "none"):
        with vcr.use_cassette(tape, record_mode=mode) as cassette:
            answer = way.send(post(f"{server.url}/whole"), limits())
            chunks = way.stream(post(f"{server.url}/stream"), limits())
            heard.append((answer.status, answer.body, answer.headers, b"".join(chunks)))
        assert cassette.play_count == (2 if mode == "none" else 0)
    assert heard[0] == heard[1]
    assert heard[0] == (200, b'{"ok":1}', {"x-request-id": "r1", "content-length": "8"}, EVENTS)
    assert len(server.requests) == 2
