"""Places at targets that take only so many calls at once, and the lines of those who wait for one.

A freed place is not free for all: it is kept for the first in line, who is woken to take it up, so
that nobody barges in between and nobody asks in vain. The order is by priority; within one, the
flows take turns, one ticket each: fair queueing (Nagle, RFC 970) where every ticket costs the
same, which start-time fair queueing (Goyal, Vin and Cheng 1996) comes to for equal costs, but for
a flow that joins: it begins at the end of the round, so that ever new flows cannot hold up those
who wait. A ticket may stand in several lines; the first place ends its wait in all of them, and
as turns are counted when they are taken, the lines it leaves have charged its flow nothing.

All of this is one process's own: a wake-up crosses no process. Nothing here locks or knows of
breakers; :class:`~llmrouter_integrations.state.memory.MemoryState` sees to both.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.state.base import Ticket

__all__ = ["MAX_WAITING", "Line", "Places"]

MAX_WAITING = 10_000
"""How many may wait in one line. Beyond it only flows that have less than their share of it may
join (so that no flow shuts the others out), which bounds a line to twice as many."""


class Line:
    """The places at one target, and who waits for one.

    Attributes:
        name: The target's.
        limit: How many places there are, as those who queue last said.
        taken: Calls under way, those without a limit included.
        kept: Places kept for tickets that were woken.
        waiting: How many tickets wait.
    """

    __slots__ = ("_bands", "kept", "limit", "name", "taken", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.limit = 0
        self.taken = 0
        self.kept = 0
        self.waiting = 0
        # Priority to flow, in the order of their turns, to tickets, in the order they came.
        # Ordered dicts for both: either end, and any ticket that leaves, in constant time.
        self._bands: dict[int, OrderedDict[str, OrderedDict[Ticket, None]]] = {}

    def has_free(self, limit: int) -> bool:
        """Whether a newcomer may take a place."""
        return self.taken + self.kept < limit and not self.waiting

    def takes_more(self, priority: int, flow: str) -> bool:
        """Whether one more of a flow may join."""
        if self.waiting < MAX_WAITING:
            return True
        band = self._bands.get(priority)
        already = len(band.get(flow, ())) if band else 0
        flows = sum(map(len, self._bands.values())) + (not already)
        return (already + 1) * flows <= MAX_WAITING

    def join(self, ticket: Ticket) -> None:
        """Stand in line."""
        band = self._bands.get(ticket.priority)
        if band is None:
            band = self._bands[ticket.priority] = OrderedDict()
        tickets = band.get(ticket.flow)
        if tickets is None:
            tickets = band[ticket.flow] = OrderedDict()
        tickets[ticket] = None
        self.waiting += 1

    def drop(self, ticket: Ticket) -> None:
        """Take a ticket out of the line; its flow keeps its turn if it has another."""
        band = self._bands[ticket.priority]
        tickets = band[ticket.flow]
        del tickets[ticket]
        if not tickets:
            del band[ticket.flow]
            if not band:
                del self._bands[ticket.priority]
        self.waiting -= 1

    def first(self) -> Ticket:
        """Whose turn it is. The flow's next turn comes after all others'."""
        band = self._bands[max(self._bands)]
        flow, tickets = next(iter(band.items()))
        band.move_to_end(flow)
        return next(iter(tickets))


class Places:
    """The lines of all targets.

    Attributes:
        contested: The lines in which somebody waits.
        woken: Tickets whose wait is over, and who have not been told.
    """

    __slots__ = ("_lines", "contested", "woken")

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self.contested: dict[Line, None] = {}
        self.woken: deque[Ticket] = deque()

    def line(self, target: str) -> Line:
        """The line of a target."""
        line = self._lines.get(target)
        if line is None:
            line = self._lines[target] = Line(target)
        return line

    def queue(self, ticket: Ticket, targets: Iterable[tuple[str, int]]) -> bool:
        """Stand in line for several targets, except where too many do; False if nowhere.

        Args:
            ticket: A new one.
            targets: Names and limits.
        """
        joined: dict[Line, None] = {}
        for target, limit in targets:
            line = self.line(target)
            line.limit = limit
            if line not in joined and line.takes_more(ticket.priority, ticket.flow):
                line.join(ticket)
                joined[line] = self.contested[line] = None
        ticket.lines = tuple(joined)
        return bool(joined)

    def hand_out(self, line: Line, most: int) -> None:
        """Keep what places are free, at most so many, for those who are first in line."""
        while most and line.waiting and line.taken + line.kept < line.limit:
            ticket = line.first()
            self._end_wait(ticket)
            ticket.target = line.name
            ticket.kept_by = line
            line.kept += 1
            most -= 1

    def send_away(self, line: Line) -> None:
        """End the wait of all in line, in the order of their turns, with nothing kept for them."""
        while line.waiting:
            self._end_wait(line.first())

    def spend(self, ticket: Ticket) -> None:
        """Give up the place that is kept for a ticket, if one is."""
        if ticket.kept_by is not None:
            ticket.kept_by.kept -= 1
            ticket.kept_by = None

    def withdraw(self, ticket: Ticket) -> None:
        """Take a ticket out of all lines it stands in."""
        for line in ticket.lines:
            line.drop(ticket)
            if not line.waiting:
                del self.contested[line]
        ticket.lines = ()

    def _end_wait(self, ticket: Ticket) -> None:
        self.withdraw(ticket)
        self.woken.append(ticket)
