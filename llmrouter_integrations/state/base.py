"""The contract of a state store: what must be remembered between requests, and by whom.

Times are seconds of one clock that the caller passes in; a store never reads a clock of its own.
Keys are target names and quota group names. Only money is kept by the calendar, in Unix time.

A store keeps a circuit breaker for each target and each quota group. Enough failures open it:
nothing is sent until its cooldown is over. Then it is half open: exactly one call, the probe,
finds out. If that succeeds the breaker closes, if it fails the next cooldown is longer.

A target may be limited to so many calls at once: its places. Whoever finds it full waits in line
with a ticket, and is woken when a place is kept for it. Waiting is this process's own affair, in
every store: what is shared between processes is how many places are taken, never the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmrouter_integrations.errors import Cools
    from llmrouter_integrations.state.places import Line

__all__ = [
    "HEALTHY",
    "Account",
    "Answered",
    "CutOff",
    "Evidence",
    "FeedbackStore",
    "Health",
    "Latency",
    "Outcome",
    "Permit",
    "Reservation",
    "Shortage",
    "Snapshot",
    "StateStore",
    "Stay",
    "Tally",
    "Ticket",
]


@dataclass(frozen=True, slots=True)
class Health:
    """How one target, or one quota group, is doing.

    Attributes:
        cooling_until: It rests until then; 0 when it does not.
        failures: Failures in a row.
        probing: It has cooled down, and one probe is out to see whether it is back.
        reason: The error class that sent it to rest; empty when it is not resting.
        in_flight: Calls under way (of a target; not counted for a group).
        first_token_s: Recent time to the first token (moving average), or None before any.
        output_tokens_per_s: Recent output speed after it, or None before any.
    """

    cooling_until: float = 0.0
    failures: int = 0
    probing: bool = False
    reason: str = ""
    in_flight: int = 0
    first_token_s: float | None = None
    output_tokens_per_s: float | None = None


HEALTHY = Health()

CutOff = Literal["first_token", "end"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The health of everything at one moment. What is missing is healthy."""

    targets: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))

    def cooling_until(self, target: str, group: str) -> float:
        """When both the target and its quota group are rested; 0 if they are now."""
        return max(
            self.targets.get(target, HEALTHY).cooling_until,
            self.groups.get(group, HEALTHY).cooling_until,
        )

    def is_probed(self, target: str, group: str) -> bool:
        """Whether a probe is out to see if a target, or its quota group, is back."""
        return self.targets.get(target, HEALTHY).probing or self.groups.get(group, HEALTHY).probing

    def reason(self, target: str, group: str) -> str:
        """The error class that keeps a target at rest longest; empty when nothing does."""
        mine = self.targets.get(target, HEALTHY)
        shared = self.groups.get(group, HEALTHY)
        return (shared if shared.cooling_until > mine.cooling_until else mine).reason


class Permit(NamedTuple):
    """Leave to make one call, and what the store must know to learn from its outcome.

    The epochs count how often each breaker had opened when leave was given, so that a call begun
    before an opening is not taken for the probe after it.
    """

    target: str
    group: str
    target_epoch: int = 0
    group_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call taught about its target.

    Attributes:
        ok: Whether it answered.
        cools: What the failure sends to rest; "nothing" when the request was at fault.
        trips_after: How many such failures in a row it takes.
        retry_after_s: Least rest the provider asked for, in seconds; it takes no second failure.
        least_cooldown_s: Least rest after this kind of failure, in seconds, also where the
            provider asked for less.
        reason: Error class name, for people.
        duration_s: How long the call took, in seconds.
        first_token_s: From sending to the first content, in seconds, where it streamed.
        output_tokens: Length of the answer, where it is known.
        input_tokens: Length of the prompt, where it is known; without it the call does not count
            in :meth:`StateStore.latency`.
        cut_off: What had not come when the call was given up, because its time ran out or another
            was faster: a stream's first token, or the end of the answer. Then ``duration_s`` is
            only the least it would have taken. With ``cools="nothing"`` such a call says nothing
            of the target's health.
        timed_as: The name under which its times are kept, where that is not the target's: calls
            at different reasoning efforts are of one health and of different speeds.
    """

    ok: bool
    cools: Cools = "nothing"
    trips_after: int = 1
    retry_after_s: float | None = None
    least_cooldown_s: float = 0.0
    reason: str = ""
    duration_s: float = 0.0
    first_token_s: float | None = None
    output_tokens: int | None = None
    input_tokens: int | None = None
    cut_off: CutOff | None = None
    timed_as: str | None = None


@dataclass(slots=True, eq=False)
class Ticket:
    """A wait for a place at any of several targets that are full; see :meth:`StateStore.queue`.

    Attributes:
        wake: Called once, when the wait is over.
        priority: Higher goes first.
        flow: Whose it is; flows of one priority take turns.
        target: After the wait: where a place is kept for it. None before, and also after, where
            waiting there had become pointless: look again.
        lines: Where it waits; the store's.
        kept_by: Who keeps a place for it; the store's.
    """

    wake: Callable[[], None]
    priority: int = 0
    flow: str = ""
    target: str | None = None
    lines: tuple[Line, ...] = ()
    kept_by: Line | None = None


class Answered(NamedTuple):
    """An answer, as far as a score of it needs to be understood.

    Attributes:
        target: Whose it is.
        task: What kind of work it was.
        expected: Its P(good answer) without any feedback, 0..1.
        cost_usd: What it cost, in dollars; None without a price.
        prompt: What was asked, where prompts are kept.
    """

    target: str
    task: str
    expected: float
    cost_usd: float | None = None
    prompt: str | None = None


class Tally(NamedTuple):
    """What scores said of one target's answers at one task.

    Attributes:
        weight: How many scores, of which the older count less.
        excess: By how much they were above what had been expected, summed up likewise.
        at: Unix time at which that holds, in seconds.
        scores: How many scores there ever were.
    """

    weight: float
    excess: float
    at: float
    scores: int = 0


Evidence: TypeAlias = "Mapping[str, Mapping[str, Tally]]"
"""Target to task to what was learned."""


class FeedbackStore(Protocol):
    """Answers of late, and what scores of them taught. Thread-safe; no method waits.

    Times are Unix times, in seconds, that the caller passes in.
    """

    def answered(self, decision: str, answered: Answered) -> None:
        """Remember an answer to a decision, so that it can be judged for a while."""
        ...

    def answers(self, decision: str) -> tuple[Answered, ...]:
        """Who answered a decision, the last one last; empty where nothing is remembered of it."""
        ...

    def judge(self, decision: str, target: str, score: float, now: float) -> bool:
        """Learn from a score (0..1) of an answer; whether that is remembered.

        A later score of the same answer replaces the earlier.
        """
        ...

    def evidence(self) -> Evidence:
        """What was learned. It does not change any more: later there is another."""
        ...

    def load(self, evidence: Evidence) -> None:
        """Put what was learned elsewhere in the place of what was learned here."""
        ...

    def judged(self) -> list[tuple[Answered, float]]:
        """Give the answers remembered that have a score, the oldest first."""
        ...


class Latency(Protocol):
    """How long calls of about one prompt size lately took at one target. It does not change.

    Attributes:
        count: How many calls it rests on, of those that are measured in whole durations.
    """

    count: int

    def first_token_s(self, q: float) -> float | None:
        """Time to the first token in seconds that a share of ``q`` of the calls (0 to 1) kept to.

        None where too few calls were streamed.
        """
        ...

    def duration_s(self, q: float) -> float | None:
        """Whole duration in seconds that a share of ``q`` of the calls (0 to 1) kept to.

        None where too few calls ended.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stay:
    """Where a session's prompt cache is.

    Attributes:
        target: At which target.
        cached_tokens: How many tokens it holds.
        until: When the provider forgets it.
    """

    target: str
    cached_tokens: int
    until: float


class Account(NamedTuple):
    """Where the spend of one budget in one of its periods is counted.

    Attributes:
        key: Its name; that of the next period is another.
        budget: The budget's name, for people.
        limit_usd: Most that may be spent from it, in dollars.
        expires_at: Unix time at which its period is over, in seconds; from then on nobody asks.
    """

    key: str
    budget: str
    limit_usd: float
    expires_at: float


class Reservation(NamedTuple):
    """Money set aside for one call, in each of the accounts of these keys."""

    keys: tuple[str, ...]
    held_usd: float


class Shortage(NamedTuple):
    """Why no money could be set aside.

    Attributes:
        account: Where it was short.
        spent_usd: What is spent from it by now, in dollars.
        passing: Whether it would have been enough but for what is held for calls under way.
    """

    account: Account
    spent_usd: float
    passing: bool


class StateStore(Protocol):
    """Shared by all requests of a router, and by all routers that are given it. Thread-safe.

    Every method is on the path of every request, sync and async alike: it takes microseconds and
    never waits for a network. A store shared between processes keeps a copy at hand.

    Attributes:
        feedback: What was said of answers.
    """

    feedback: FeedbackStore

    def snapshot(self) -> Snapshot:
        """Everything known now."""
        ...

    def admit(
        self,
        target: str,
        group: str,
        now: float,
        limit: int | None = None,
        ticket: Ticket | None = None,
    ) -> Permit | None:
        """Ask to call a target: None while it rests, is full, or another probe is out.

        A permit must be handed back by exactly one :meth:`record` or :meth:`release`.

        Args:
            target: The target's name.
            group: Its quota group.
            now: Present time, in seconds.
            limit: Most calls to the target under way at once, this one included; None: any number.
                A place that is kept for others, or that others wait for, is not free.
            ticket: One for which a place is kept; if it is at this target, it is spent, be the
                answer a permit or None (its breaker has opened). Else the ticket counts for
                nothing here and must still be left.
        """
        ...

    def queue(
        self,
        targets: Sequence[tuple[str, int]],
        *,
        priority: int = 0,
        flow: str = "",
        wake: Callable[[], None],
    ) -> Ticket | None:
        """Wait in line for a place at any of several targets that are full.

        When the turn comes, a place is kept, ``ticket.target`` says where, and ``wake`` is called;
        go there with :meth:`admit`. When a target's breaker opens, all that wait for it are woken
        with ``ticket.target`` None, to look again: nothing is kept for them and they wait nowhere
        any more. A wait has no end of its own; the caller sets one, and leaves.

        Higher priority goes first. Within a priority the flows take turns, so that one with many
        waiting does not hold up one with few; within a flow, first come first served.

        Args:
            targets: Names and limits. Where one of them has a place free by now, it is kept and
                ``wake`` is called at once, before this returns.
            priority: Higher goes first.
            flow: Whose request it is: the tenant.
            wake: Called at most once, from whichever thread freed the place, with no lock held. It
                must be quick and not raise; if it does, the ticket is left. It may come just after
                the ticket was left.

        Returns:
            A ticket, which must be spent by :meth:`admit` or given back by :meth:`leave`; or None
            where so many wait at each of these targets that more would wait in vain.
        """
        ...

    def leave(self, ticket: Ticket) -> None:
        """Stop waiting, or give back the place that is kept. Once is enough, twice does no harm."""
        ...

    def alive(self, permit: Permit, now: float) -> None:
        """An admitted call, still under way, gave its first content: its breakers close.

        So that a long stream, let through as a probe, does not keep its target half open.
        """
        ...

    def record(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """Learn what an admitted call came to. A longer cooldown is never cut by a shorter."""
        ...

    def release(self, permit: Permit) -> None:
        """An admitted call ended without teaching anything (cancelled)."""
        ...

    def latency(self, target: str, input_tokens: int) -> Latency | None:
        """How long prompts of about this size take at a target; None before about ten calls.

        ``target`` may be a name of :attr:`Outcome.timed_as`, too. Where too few calls of this size
        were seen, those of the nearest size stand in.
        """
        ...

    def session(self, key: str, now: float) -> Stay | None:
        """Where a session's prompt cache is; None where nobody has any, or it has expired."""
        ...

    def stay(self, key: str, stay: Stay) -> None:
        """Remember where a session's prompt cache is from now on."""
        ...

    def spent_usd(self, accounts: Sequence[Account]) -> Sequence[float]:
        """What was spent from each account, in dollars; what is only held is not in it."""
        ...

    def reserve(
        self, accounts: Sequence[Account], usd: float, hold_usd: float, now: float
    ) -> Reservation | Shortage:
        """Set money aside for a call in all of the accounts, or in none, in one step.

        Of a call that is alone at an account the expected cost must fit. While others are under way
        there, what each of them may come to must, so that many at one time do not overspend
        together what each of them alone would not. A call that costs nothing always fits.

        Args:
            accounts: Those that the call counts against.
            usd: What it is expected to cost, in dollars.
            hold_usd: What it may come to, in dollars; at least ``usd``.
            now: Unix time, in seconds: the only clock that periods and processes share.

        Returns:
            A reservation, which must be booked exactly once; or why there is none.
        """
        ...

    def book(self, reservation: Reservation, usd: float) -> None:
        """Take what a call cost from the accounts, also beyond a limit, and hold no more for it.

        It counts in the period in which it was reserved. Called from anywhere, the garbage
        collector included: it never waits.

        Args:
            reservation: What was set aside.
            usd: What the call cost, in dollars; 0 where it was not made.
        """
        ...
