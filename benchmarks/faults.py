"""What faults cost an application: the router beside what people use instead, in one run.

    python benchmarks/faults.py                        # the faults of the table, about an hour
    python benchmarks/faults.py --fault all            # every fault of the catalogue, hours
    python benchmarks/faults.py --fault stream --fault rate-limited-retry-after
    python benchmarks/faults.py --smoke                # two faults, tiny
    python benchmarks/faults.py --json out.json
    python benchmarks/faults.py --read a.json --read b.json   # print what earlier runs kept
    python benchmarks/faults.py --leaks                # what 10,000 faulty requests leave behind

Each fault of docs/faults.md happens to the first of two targets, while the other is healthy; and
last, one to both. All are asked the same prompts, over the same simulated providers in a process of
their own, in a new order for each fault. Where one target is healthy, a first wave of requests is
not counted, so that who learns has learnt. An answer counts as correct if it is one target's whole
answer to the letter, and whatever is raised as an error told.

Peers keep their defaults (retries included), but for the time one call may take. Those that are not
installed are left out, with a note.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _peers import CALL_S, PEERS, Given, Place, installed, versions

from llmrouter_integrations.drill.answers import kind_of_object, kind_of_text, prompt
from llmrouter_integrations.drill.leaks import leaks
from llmrouter_integrations.drill.remote import RemoteStage
from llmrouter_integrations.drill.results import Spread
from llmrouter_integrations.drill.rows import chosen
from llmrouter_integrations.drill.scene import simulated
from llmrouter_integrations.drill.stage import key_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.drill.catalogue import FaultRow

ENDLESS_S = 60.0
"""A request that has not ended by then counts as an error: longer than two waits for the
Retry-After of 20 seconds, which is what most clients do by default."""
BOTH = "server-error, both targets"
SMOKE = ("cut", "tool-call-malformed")
TABLE = (
    "connection-refused",
    "first-byte-timeout",
    "key-refused",
    "model-gone",
    "rate-limited-retry-after",
    "overloaded",
    "server-error",
    "html-page",
    "truncated-json",
    "error-in-200",
    "cut-before-content",
    "cut",
    "unfinished",
    "error-event",
    "idle-timeout",
    "empty-answer",
    "context-overflow",
    "tool-call-malformed",
    "tool-call-not-offered",
)
"""One or two of each kind, where peers differ most or people meet them most."""
OUTCOMES = ("answered", "error", "spliced", "truncated", "wrong")


class Doors:
    """Counts the connections that this process tries to make to places where nobody is.

    What a provider receives it can count itself; what never arrives, only the client's side can.
    """

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            self.tried[f"{arguments[1][0]}:{arguments[1][1]}"] += 1
        elif event == "socket.getaddrinfo" and str(arguments[0]).endswith(".invalid"):
            self.tried[str(arguments[0])] += 1


class Bench:
    """Asks peers, fault by fault."""

    def __init__(self, stage: RemoteStage, requests: int, concurrency: int) -> None:
        self.stage = stage
        self.requests = requests
        self.concurrency = concurrency
        self.doors = Doors()
        self.numbers = iter(range(1, 10**9))

    async def measured(
        self, peer: type[Any], row: FaultRow | None, faulty: list[int], *, stream: bool, tools: bool
    ) -> dict[str, Any]:
        """Ask one peer while some targets have a fault; gives its figures."""
        place = row.way if row is not None and isinstance(row.way, str) else ""
        self.stage.play(row.name if row is not None else "", faulty)
        places = [
            Place(self.stage.url("openai", place if number in faulty else ""), key_of(number))
            for number in (0, 1)
        ]
        asked = peer(*places)
        alone = len(faulty) < len(places)
        try:
            if alone:
                await self.wave(asked, self.concurrency, stream=stream, tools=tools)
            before, tried = self.received(), self.tried(places[0]) if place else 0
            count = self.requests if alone else self.concurrency
            came = await self.wave(asked, count, stream=stream, tools=tools)
        finally:
            with suppress(Exception):
                await asked.close()
        calls = self.received() - before
        if place:
            calls[0] = self.tried(places[0]) - tried
        spread = Spread.of([duration for _, duration in came])
        outcomes = Counter(outcome for outcome, _ in came)
        return {
            "outcomes": {name: outcomes[name] / len(came) for name in OUTCOMES},
            "calls": calls.total() / len(came),
            "calls_to_faulty": sum(calls[number] for number in faulty) / len(came),
            "p50_s": spread.p50_s,
            "p99_s": spread.p99_s,
        }

    async def wave(
        self, peer: Any, count: int, *, stream: bool, tools: bool
    ) -> list[tuple[str, float]]:
        """Ask so many times; gives what each came to, and how long it took."""
        places = asyncio.Semaphore(self.concurrency)

        async def one(number: int) -> tuple[str, float]:
            async with places:
                began = time.perf_counter()
                ask = peer.streamed if stream else peer.whole
                try:
                    async with asyncio.timeout(ENDLESS_S):
                        given = await ask(prompt(number), tools=tools)
                    outcome = judged(given, number, tools=tools)
                except Exception:  # noqa: BLE001  (whatever a peer raises, it has told)
                    outcome = "error"
                return outcome, time.perf_counter() - began

        numbers = [next(self.numbers) for _ in range(count)]
        return list(await asyncio.gather(*map(one, numbers)))

    def received(self) -> Counter[int]:
        """Count the calls that each target received."""
        return Counter(self.stage.calls())

    def tried(self, place: Place) -> int:
        """Count the connections that were tried to a place."""
        host = place.base_url.partition("//")[2].partition("/")[0]
        return self.doors.tried[host]

    async def baseline(self, peer: type[Any], *, stream: bool, tools: bool) -> Spread:
        """Measure a peer with no fault."""
        figures = await self.measured(peer, None, [], stream=stream, tools=tools)
        if figures["outcomes"]["answered"] < 1:
            raise RuntimeError(f"{peer.name} fails with no fault: {figures['outcomes']}")
        return Spread(figures["p50_s"], figures["p99_s"])


def judged(given: Given, number: int, *, tools: bool) -> str:
    """Say what an answer is: one target's own to the letter, or in which way not."""
    if tools:
        if [name for name, _ in given.calls] != ["look_up"]:
            return "wrong"
        kinds = [kind_of_object(given.calls[0][1], name_of(who), number) for who in (0, 1)]
        return "answered" if "whole" in kinds else "wrong"
    kinds = [kind_of_text(given.text, name_of(who), number) for who in (0, 1)]
    if "whole" in kinds:
        return "answered"
    return "truncated" if "truncated" in kinds else kinds[0]


def rows_for(names: list[str]) -> list[FaultRow]:
    """Choose faults: what an answer that stands says, and schemas, are not asked about."""
    return [
        row
        for row in chosen(None if "all" in names else names)
        if row.can_show("openai-chat", streamed=False)
        and row.meaning.then != "answered"
        and row.ask != "schema"
        and not row.checked
    ]


def cases_of(names: list[str], *, both: bool) -> list[tuple[str, FaultRow, list[int]]]:
    """Give each fault's name, the fault, and the targets it happens to."""
    cases = [(row.name, row, [0]) for row in rows_for(names)]
    return [*cases, (BOTH, chosen(["server-error"])[0], [0, 1])] if both else cases


async def run(
    bench: Bench,
    cases: list[tuple[str, FaultRow, list[int]]],
    peers: list[type[Any]],
    kept: Callable[[list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, row, faulty in cases:
        for stream in (False, True):
            for peer in random.sample(peers, len(peers)):
                tools = row.ask == "tool"
                if tools and not peer.tools:
                    continue
                # each beside its own, for the machine is not as quick at all times
                healthy = await bench.baseline(peer, stream=stream, tools=tools)
                figures = await bench.measured(peer, row, faulty, stream=stream, tools=tools)
                figures["added_p50_s"] = figures["p50_s"] - healthy.p50_s
                figures["added_p99_s"] = figures["p99_s"] - healthy.p99_s
                found.append({"fault": name, "streamed": stream, "peer": peer.name, **figures})
                print(".", end="", flush=True, file=sys.stderr)
            kept(found)
    print(file=sys.stderr)
    return found


def table(found: list[dict[str, Any]], peers: list[str], *, streamed: bool) -> Iterator[str]:
    """Write a fault x peer table in markdown."""
    yield f"| {'streamed' if streamed else 'plain'} | {' | '.join(peers)} |"
    yield f"|---|{'---|' * len(peers)}"
    cells = {(f["fault"], f["peer"]): f for f in found if f["streamed"] == streamed}
    for fault in dict.fromkeys(f["fault"] for f in found):
        told = [cell(cells.get((fault, peer))) for peer in peers]
        yield f"| {fault} | {' | '.join(told)} |"


def summary(found: list[dict[str, Any]], peers: list[str]) -> Iterator[str]:
    """Write what each came to over all faults of one target, plain and streamed."""
    yield "| | answered | error told | spliced | cut, silently | broken, passed on | calls | +p99 |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for peer in peers:
        own = [f for f in found if f["peer"] == peer and f["fault"] != BOTH]
        if not own:
            continue
        shares = [sum(f["outcomes"][name] for f in own) / len(own) for name in OUTCOMES]
        calls = sum(f["calls"] for f in own) / len(own)
        worst_s = max(f["added_p99_s"] for f in own)
        told = [f"{share:.0%}" for share in shares] + [f"{calls:.1f}", f"{worst_s:.1f} s"]
        yield f"| {peer} | {' | '.join(told)} |"


def cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    shares = figures["outcomes"]
    said = [f"{shares['answered']:.0%}"]
    said += [f"{shares['error']:.0%} error"] if shares["error"] else []
    said += [
        f"**{shares[name]:.0%} {word}**"
        for name, word in (
            ("spliced", "spliced"),
            ("truncated", "cut, silently"),
            ("wrong", "broken, passed on"),
        )
        if shares[name]
    ]
    added_ms = figures["added_p99_s"] * 1000
    return f"{', '.join(said)}; {figures['calls']:.1f} calls; {added_ms:+.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="a few faults, tiny")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
    parser.add_argument("--fault", action="append", help="a fault, or a kind of fault; repeatable")
    parser.add_argument("--peer", action="append", help="only the peers whose name holds this")
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--read", action="append", type=Path, help="print what a run kept")
    parser.add_argument("--leaks", action="store_true", help="what faulty requests leave behind")
    arguments = parser.parse_args()
    if arguments.leaks:
        measure_leaks(200 if arguments.smoke else 10_000)
        return
    if arguments.read:
        kept = [json.loads(path.read_text()) for path in arguments.read]
        show([row for run in kept for row in run["found"]], kept[0])
        return
    about = {
        "python": platform.python_version(),
        "versions": list(versions()),
        "requests": 2 if arguments.smoke else arguments.requests,
        "concurrency": 2 if arguments.smoke else arguments.concurrency,
    }
    names = arguments.fault or list(SMOKE if arguments.smoke else TABLE)
    wanted = arguments.peer or [""]
    peers = [p for p in installed(print) if any(name in p.name for name in wanted)]
    # one loop for all: ChatOpenAI's cached clients do not outlive the loop they were made in
    with RemoteStage() as stage, asyncio.Runner() as loop:
        bench = Bench(stage, about["requests"], about["concurrency"])
        cases = cases_of(names, both=not arguments.smoke)
        kept_in = partial(keep, arguments.json, about)
        found = loop.run(run(bench, cases, peers, kept_in))
    show(found, about)


def show(found: list[dict[str, Any]], about: dict[str, Any]) -> None:
    """Print the tables; of what was measured twice, the first."""
    first: dict[tuple[str, bool, str], dict[str, Any]] = {}
    for row in found:
        first.setdefault((row["fault"], row["streamed"], row["peer"]), row)
    ranks = {name: rank for rank, name in enumerate((*TABLE, BOTH))}
    found = sorted(first.values(), key=lambda row: ranks.get(row["fault"], len(ranks) - 1.5))
    peers = [p.name for p in PEERS if any(row["peer"] == p.name for row in found)]
    print(f"python {about['python']}, {', '.join(about['versions'])}")
    print(f"{about['requests']} requests, {about['concurrency']} at once, after a wave of ", end="")
    print(f"{about['concurrency']}; one call may take {CALL_S:g} s\n")
    print("Of all faults below but the last, plain and streamed: what requests came to, calls for")
    print("each, and the most that was added to the slowest hundredth\n")
    print("\n".join(summary(found, peers)), end="\n\n")
    print("Answered correctly; calls a request; what is added to the slowest hundredth\n")
    for streamed in (False, True):
        print("\n".join(table(found, peers, streamed=streamed)), end="\n\n")


def keep(path: Path | None, about: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """Write what was found so far: an hour is long enough to be cut short."""
    if path is not None:
        path.write_text(json.dumps({**about, "found": found}, indent=1))


def measure_leaks(requests: int) -> None:
    with simulated() as scene:
        for held in leaks(scene, requests=requests):
            verdict = "ok" if held.passed else "LEAK"
            print(f"{held.name}: {held.case}: {held.value:g} {held.unit}, {held.note} {verdict}")


if __name__ == "__main__":
    main()
