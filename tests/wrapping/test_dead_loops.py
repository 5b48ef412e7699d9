"""Idle connections are dropped where they may be of a loop that is closed, and only there."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import BaseModel, PrivateAttr

from llmrouter_integrations.wrapping.dead_loops import Loops


class Record:
    def __init__(self, **said):
        self.__dict__.update(said)


class Connection:
    def __init__(self, *, idle):
        self._idle = idle

    def is_idle(self):
        return self._idle


def pool_of(*connections):
    return Record(_pool=Record(_connections=list(connections)))


def client(*connections, mounted=()):
    made = httpx.AsyncClient()
    made._transport = pool_of(*connections)
    made._mounts = {"all://": pool_of(*mounted), "no": None}
    return made


IDLE, BUSY = Connection(idle=True), Connection(idle=False)


class Lazy(BaseModel):
    _sdk: object = PrivateAttr(default=None)


def hidden(http):
    model = Lazy()
    model._sdk = Record(_client=http)
    return model


HOLDERS = {
    "itself": lambda http: Record(client=http),
    "an SDK's": lambda http: Record(sdk=Record(_client=http)),
    "a resource's": lambda http: Record(chat=Record(_client=Record(_client=http))),
    "a private attribute's": hidden,
}


async def enter(loops, model):
    loops.enter(model)


@pytest.mark.parametrize("holder", HOLDERS)
def test_idle_connections_go_with_their_loop(holder):
    http = client(IDLE, BUSY, mounted=[IDLE])
    model, loops = HOLDERS[holder](http), Loops()
    asyncio.run(enter(loops, model))
    assert http._transport._pool._connections == [BUSY], "of whom nothing is known yet"
    assert http._mounts["all://"]._pool._connections == []
    http._transport._pool._connections.append(IDLE)
    asyncio.run(enter(loops, model))
    assert http._transport._pool._connections == [BUSY]


async def test_within_a_loop_they_are_kept():
    http = client()
    model, loops = Record(client=http), Loops()
    loops.enter(model)
    http._transport._pool._connections.append(IDLE)
    loops.enter(model)
    assert http._transport._pool._connections == [IDLE]


def test_another_loop_that_is_open_keeps_its_own():
    http = client()
    model, loops = Record(client=http), Loops()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(enter(loops, model))
    http._transport._pool._connections.append(IDLE)
    second.run_until_complete(enter(loops, model))
    assert http._transport._pool._connections == [IDLE]
    second.close()
    first.run_until_complete(enter(loops, model))
    assert http._transport._pool._connections == []
    first.close()


async def test_what_holds_itself_or_has_no_pool_is_no_trouble():
    model = Record()
    model.me = model
    model.client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    Loops().enter(model)


async def test_nothing_is_kept_of_a_model_that_is_gone():
    loops, model = Loops(), Record()
    loops.enter(model)
    assert len(loops._last) == 1
    del model
    assert loops._last == {}
