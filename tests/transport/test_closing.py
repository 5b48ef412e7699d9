"""Streams abandoned in the middle, as the program's loop ends: closed, and nothing said of it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from llmrouter_integrations.transport import Transport
from llmrouter_integrations.transport.closing import at_once


@pytest.fixture(params=["httpx", "aiohttp"])
def transport(request):
    if request.param == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    with Transport(http=request.param, trust_env=False) as made:
        yield made


@pytest.fixture
def relayed(transport, serve, post, limits):
    """A stream through two generators, the outer of which closes the inner, as a router's does."""

    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.await_client_closing()

    server = serve(script)

    async def inner():
        async with transport.astream(post(server.url), limits()) as stream:
            async for chunk in stream.aiter_bytes():
                yield chunk

    async def outer():
        chunks = inner()
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    outer.server = server
    return outer


async def break_off(stream):
    async for _ in stream():
        break


async def leave_three_open(stream):
    opened = [stream() for _ in range(3)]
    for each in opened:
        await anext(each)
    return opened


async def leave_to_a_task(stream):
    task = asyncio.create_task(break_off(stream))
    await asyncio.wait([task])


async def go_on_after(stream):
    await break_off(stream)
    await asyncio.to_thread(stream.server.closed_by_client.wait, 5)


@pytest.mark.parametrize("program", [break_off, leave_three_open, leave_to_a_task, go_on_after])
def test_an_abandoned_stream_is_closed_silently(relayed, program, caplog):
    kept = asyncio.run(program(relayed))
    assert relayed.server.closed_by_client.wait(5)
    del kept
    gc.collect()  # what is left unclosed would warn here, and warnings are errors
    assert caplog.records == []


def test_a_closing_that_waits_is_waited_for_and_can_be_cancelled():
    said = []

    async def close():
        try:
            await asyncio.sleep(0)
            said.append("closing")
            await asyncio.sleep(0.01)
            said.append("closed")
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            said.append("cancelled")
            raise

    async def cancelled():
        async with asyncio.timeout(0.05):
            await at_once(close())

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
    assert said == ["closing", "closed", "cancelled"]


def test_a_closing_that_polls_gets_its_turns():
    async def polled():
        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(done.set)

        async def close():
            while not done.is_set():  # noqa: ASYNC110  (the habit under test)
                await asyncio.sleep(0)

        await at_once(close())

    asyncio.run(asyncio.wait_for(polled(), 2))
