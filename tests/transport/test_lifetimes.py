"""Event loops that end, threads, and processes that fork."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmrouter_integrations.errors import TargetError
from llmrouter_integrations.transport import Transport

BACKENDS = ["httpx", "aiohttp"]


@pytest.fixture(params=BACKENDS)
def transport(request):
    if request.param == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    with Transport(http=request.param, trust_env=False) as made:
        yield made


@pytest.fixture
def server(serve):
    def script(connection):
        while connection.request():
            connection.answer(b"ok")
        connection.server.closed_by_client.set()

    return serve(script)


def test_one_transport_serves_loop_after_loop(transport, server, post, limits):
    for turn in range(1, 5):
        assert asyncio.run(transport.asend(post(server.url), limits())).body == b"ok"
        # Closed as its loop ended, not when some later one finds it.
        assert server.closed_by_client.wait(5)
        server.closed_by_client.clear()
        assert server.connections == turn
    gc.collect()  # an unclosed client would warn here, and warnings are errors


def test_a_loop_closed_by_hand_is_let_go_of(transport, server, post, limits):
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(transport.asend(post(server.url), limits())).body == b"ok"
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert asyncio.run(transport.asend(post(server.url), limits())).body == b"ok"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_closed_without_its_shutdown_harms_no_later_one(
    transport, server, post, limits, caplog
):
    for _ in range(3):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(transport.asend(post(server.url), limits())).body == b"ok"
        loop.close()  # asyncio itself warns of the sockets left open
    assert asyncio.run(transport.asend(post(server.url), limits())).body == b"ok"
    gc.collect()
    assert caplog.records == []


def test_one_loop_at_a_time_can_be_closed_and_used_again(transport, server, post, limits):
    async def use_close_use():
        await transport.asend(post(server.url), limits())
        await transport.aclose()
        await transport.asend(post(server.url), limits())

    asyncio.run(use_close_use())
    assert server.connections == 2


def test_loops_in_threads_do_not_share(transport, server, post, limits):
    def calls(_):
        async def many():
            return [(await transport.asend(post(server.url), limits())).body for _ in range(5)]

        return asyncio.run(many())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(calls, range(8))) == [[b"ok"] * 5] * 8


def test_threads_share_the_sync_connections(server, post, limits):
    with Transport(trust_env=False) as transport, ThreadPoolExecutor(8) as threads:

        def calls(_):
            return [transport.send(post(server.url), limits()).body for _ in range(10)]

        assert list(threads.map(calls, range(8))) == [[b"ok"] * 10] * 8
    assert server.connections <= 8


def test_sync_calls_work_inside_a_running_loop(transport, server, post, limits):
    async def both():
        first = transport.send(post(server.url), limits())
        return first, await transport.asend(post(server.url), limits())

    assert [answer.body for answer in asyncio.run(both())] == [b"ok", b"ok"]


def test_closing_asks_other_running_loops_to_close(transport, server, post, limits):
    used, finish = threading.Event(), threading.Event()

    async def use_and_stay():
        await transport.asend(post(server.url), limits())
        used.set()
        await asyncio.to_thread(finish.wait, 5)

    other = threading.Thread(target=asyncio.run, args=(use_and_stay(),))
    other.start()
    assert used.wait(5)
    transport.close()
    assert server.closed_by_client.wait(5)
    finish.set()
    other.join()


def test_a_transport_forgotten_unclosed_closes_itself(server, post, limits):
    transport = Transport(trust_env=False)
    transport.send(post(server.url), limits())
    del transport
    gc.collect()
    assert server.closed_by_client.wait(5)


def test_a_process_that_closes_nothing_ends_silently(server):
    # asyncio's debug mode also tells of slow steps, such as loading certificates on a busy machine
    program = f"""
import asyncio, logging
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.transport import Limits, Transport

logging.getLogger("asyncio").addFilter(lambda record: "took" not in record.msg)
limits, request = Limits(5, 5, 5), HttpRequest("GET", "{server.url}")
transport = Transport(trust_env=False)
print(transport.send(request, limits).status)
print(asyncio.run(transport.asend(request, limits)).status)
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("200\n200\n", "")


@pytest.mark.parametrize(
    "leave",
    [
        "loop.run_until_complete(transport.asend(request, limits))",
        "loop.run_until_complete(transport.asend(request, limits)); loop.close()",
        "loop.run_until_complete(transport.asend(request, limits)); transport.close()",
    ],
    ids=["idle", "closed without its shutdown", "idle, and closed by hand"],
)
def test_a_process_that_leaves_loops_behind_ends_silently(server, leave):
    """LlamaIndex's ``asyncio_run`` leaves the main thread's loop idle, and closes others bare."""
    pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    program = f"""
import asyncio
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.transport import Limits, Transport

limits, request = Limits(5, 5, 5), HttpRequest("GET", "{server.url}")
transport = Transport(http="aiohttp", trust_env=False)
loop = asyncio.new_event_loop()
{leave}
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_idle_loops_connections_are_closed_with_all(transport, server, post, limits):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(transport.asend(post(server.url), limits()))
    transport.close()
    assert server.closed_by_client.wait(5)
    answer = loop.run_until_complete(transport.asend(post(server.url), limits()))
    assert answer.body == b"ok", "the loop can be used again"
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_an_idle_loop_is_not_kept_from_ending_by_a_stream(transport, serve, post, limits):
    """A stream left open by a cancelled task must not hang or warn at the loop's end."""

    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.await_client_closing()

    server = serve(script)

    async def abandon():
        begun = asyncio.Event()

        async def consume():
            async with transport.astream(post(server.url), limits()) as stream:
                async for _ in stream.aiter_bytes():
                    begun.set()

        abandon.task = asyncio.create_task(consume())
        await begun.wait()

    asyncio.run(abandon())
    assert server.closed_by_client.wait(5)
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_connections(server, post, limits):
    transport = Transport(trust_env=False)
    assert transport.send(post(server.url), limits()).body == b"ok"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            bodies = [transport.send(post(server.url), limits()).body for _ in range(2)]
            bodies.append(asyncio.run(transport.asend(post(server.url), limits())).body)
            status = 0 if bodies == [b"ok"] * 3 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.connections == 3  # the parent's, the child's, and that of the child's loop
    assert transport.send(post(server.url), limits()).body == b"ok"
    assert server.connections == 3  # the child did not disturb the parent's
    transport.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_during_a_call_leaves_no_lock_held(serve, post, limits):
    asked = threading.Event()

    def script(connection):
        while connection.request():
            asked.set()
            connection.server.stopping.wait(0.2)
            connection.answer(b"ok")

    server = serve(script)
    transport = Transport(trust_env=False)
    bodies = []
    thread = threading.Thread(
        target=lambda: bodies.append(transport.send(post(server.url), limits()).body)
    )
    thread.start()
    assert asked.wait(5)
    child = os.fork()
    if child == 0:
        try:
            status = 0 if transport.send(post(server.url), limits()).body == b"ok" else 2
        except TargetError:
            status = 3
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()
    assert bodies == [b"ok"]
    transport.close()
