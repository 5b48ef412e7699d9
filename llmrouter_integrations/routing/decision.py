"""What routing gives: a :class:`Decision`, the ranked plan with its reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.config import Balance
    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Attempt
    from llmrouter_integrations.routing.cascade import Cascade
    from llmrouter_integrations.routing.explore import Exploration
    from llmrouter_integrations.routing.hysteresis import Kept
    from llmrouter_integrations.routing.judge import Judge
    from llmrouter_integrations.routing.outlook import Outlook
    from llmrouter_integrations.routing.pace import Pace
    from llmrouter_integrations.routing.stickiness import SessionCache
    from llmrouter_integrations.routing.target import Target

__all__ = ["Candidate", "Decision", "Features", "Scored", "SessionMove", "TaskOdds"]


class TaskOdds(NamedTuple):
    """A task that may be meant.

    Attributes:
        task: The task; "overall" stands for whatever else it may be.
        probability: How likely it is, 0..1.
        difficulty: How hard the request is if it is meant, 0 to 1.
    """

    task: str
    probability: float
    difficulty: float


@dataclass(frozen=True, slots=True)
class Features:
    """What was seen in the request.

    Attributes:
        task: What kind of work it is.
        task_source: "hint", "structure", "classifier" or "default": how the task was told.
        difficulty: 0 (trivial) to 1 (hard).
        needs: Abilities without which a target cannot serve it ("tools", "image", ...).
        input_tokens: Estimated length of the prompt, in tokens.
        output_tokens: Estimated length of the visible answer, in tokens.
        max_tokens: The caller's own limit on the answer, if any.
        native_tools: Issuers of the vendors' own tools on offer.
        native_required: Whether one of those must be called.
        earlier_needs: Abilities without which a target would be sent the answered turns with a
            word in the place of what it cannot read ("image", ...).
        task_probability: How likely the task is the right one, 0..1, as the classifier is
            calibrated.
        odds: Where it is not certain: the tasks that may be meant, by which quality and cost are
            averaged. Difficulty and output_tokens are averages, too, then.
        effort: The reasoning effort the caller asks for, if any.
    """

    task: str
    task_source: str
    difficulty: float
    needs: frozenset[str]
    input_tokens: int
    output_tokens: int
    max_tokens: int | None = None
    native_tools: frozenset[str] = frozenset()
    native_required: bool = False
    earlier_needs: frozenset[str] = frozenset()
    task_probability: float = 1.0
    odds: tuple[TaskOdds, ...] = ()
    effort: str | None = None


class Scored(NamedTuple):
    """A target's utility for one request, and its parts.

    Where money is dearer than usual (:attr:`Decision.price_of_money`), the utility is in dollars
    as dear as that; a candidate's is in usual ones.
    """

    utility_usd: float
    target: Target
    quality: float
    cost_usd: float
    latency_s: float
    deferred: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target under consideration, with the parts of its utility, in dollars.

    ``utility_usd = quality * value_usd - cost_usd * price_of_money
    - latency_s * price_of_waiting_usd_per_s``.

    Attributes:
        target: The target's name.
        provider: Who serves it.
        model: What it serves.
        rejected: Why it may not serve this request; None if it may.
        deferred: Why it is tried only after the others (it rests, is busy, or has to leave out a
            vendor's own tool); None if it is not.
        lost_by_usd: Utility it lacks to the one tried first.
        quality: P(good answer), 0..1.
        quality_error: Its standard error.
        quality_source: Where that figure comes from.
        cost_usd: Expected cost of this request there, in dollars.
        cost_source: Where the price comes from; an unknown one is assumed to be the dearest.
        latency_s: Expected time to the whole answer, in seconds.
        utility_usd: The sum; what the ranking is by.
        cached_tokens: How many tokens of the prompt it has cached from the session's last request.
        cache_worth_usd: What it would cost more without them, in dollars.
        note: What else bears on its place, in words; None where nothing does.
    """

    target: str
    provider: str
    model: str
    rejected: str | None = None
    deferred: str | None = None
    lost_by_usd: float = 0.0
    quality: float = 0.0
    quality_error: float = 0.0
    quality_source: str = ""
    cost_usd: float = 0.0
    cost_source: str = ""
    latency_s: float = 0.0
    utility_usd: float = 0.0
    cached_tokens: int = 0
    cache_worth_usd: float = 0.0
    note: str | None = None


class SessionMove(NamedTuple):
    """A session that leaves the target that has its prompt cached.

    Attributes:
        origin: That target's name.
        to: Where it goes.
        why: Why it does not stay, in words.
    """

    origin: str
    to: str
    why: str


class Decision:
    """Why a request went where it went.

    What is only looked at afterwards (``candidates``, the flip point) is worked out when asked
    for: a decision is made on every request and read on few.

    Attributes:
        id: Unique; the audit's and the feedback's key.
        policy: The policy's name ("utility", "ordered").
        features: What was seen in the request.
        hints: What the caller said.
        plan: Names of the targets to try, best first.
        value_usd: What a good answer was taken to be worth, in dollars.
        price_of_waiting_usd_per_s: What a second of waiting was taken to cost, in dollars.
        rejected: Target name to the reason it may not serve the request.
        balance: How replicas were to share the traffic; None where nothing was said.
        cache: What is cached of the request's session, if anything is.
        pace: How dear money is, and why; None where no budget has to last.
        cascade: Why the first in the plan is not the one worth most alone; None where it is.
        judge: What corrected the table's qualities; None where nothing did.
        kept: Why the first is not the one worth most: it was nearly, and was asked before.
        exploration: What could have been tried; None where nothing could.
    """

    __slots__ = (
        "_candidates",
        "_flip",
        "balance",
        "cache",
        "cascade",
        "exploration",
        "features",
        "hints",
        "id",
        "judge",
        "kept",
        "pace",
        "plan",
        "policy",
        "price_of_waiting_usd_per_s",
        "ranked",
        "rejected",
        "targets",
        "value_usd",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  (the field's word)
        policy: str,
        features: Features,
        hints: RoutingHints,
        ranked: Sequence[Scored],
        rejected: Mapping[str, str],
        targets: Sequence[Target],
        value_usd: float,
        price_of_waiting_usd_per_s: float,
        balance: Balance | None = None,
        cache: SessionCache | None = None,
        pace: Pace | None = None,
        cascade: Cascade | None = None,
        judge: Judge | None = None,
        kept: Kept | None = None,
        exploration: Exploration | None = None,
    ) -> None:
        self.id = id
        self.policy = policy
        self.features = features
        self.hints = hints
        self.ranked = ranked
        self.rejected = rejected
        self.targets = targets
        self.plan = tuple([s.target.name for s in ranked])
        self.value_usd = value_usd
        self.price_of_waiting_usd_per_s = price_of_waiting_usd_per_s
        self.balance = balance
        self.cache = cache
        self.pace = pace
        self.cascade = cascade
        self.judge = judge
        self.kept = kept
        self.exploration = exploration
        self._candidates: tuple[Candidate, ...] | None = None
        self._flip: tuple[float, str] | bool | None = False

    def __repr__(self) -> str:
        return f"Decision(id={self.id!r}, task={self.features.task!r}, plan={self.plan!r})"

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every target, the plan's first, then those that may not serve the request."""
        if self._candidates is None:
            able = [_candidate(s, self) for s in self.ranked]
            unable = [
                Candidate(t.name, t.provider, t.model, rejected=self.rejected[t.name])
                for t in self.targets
                if t.name in self.rejected
            ]
            self._candidates = (*able, *unable)
        return self._candidates

    def scored(self, name: str) -> Scored:
        """Give what was worked out of the target of this name, which is in the plan."""
        return next(scored for scored in self.ranked if scored.target.name == name)

    @property
    def price_of_money(self) -> float:
        """How many times every dollar of cost was counted; 1 unless a budget has to last."""
        return self.pace.price_of_money if self.pace is not None else 1.0

    @property
    def chosen(self) -> Candidate:
        """The candidate that is tried first."""
        return self.candidates[0]

    @property
    def propensity(self) -> float:
        """How likely the choice was to be the one it was: 1 unless exploration had a say.

        Replicas, and targets that tie, count as one.
        """
        return 1.0 if self.exploration is None else self.exploration.propensity

    def without_feedback(self, name: str) -> float:
        """Give P(good answer) of a target in the plan, as it was expected before any feedback."""
        scored = self.scored(name)
        return scored.quality if self.judge is None else self.judge.without_feedback(scored)

    @property
    def flip_value_usd(self) -> float | None:
        """The value of a good answer, in dollars, at which the choice would change.

        The nearest such value, as a ratio to :attr:`value_usd`; None where none would change it,
        of a cascade, which no one line describes, and where the first was not chosen for its
        utility alone (explored, or kept in a near-tie).
        """
        flip = self._flips()
        return flip[0] if flip else None

    @property
    def flip_to(self) -> str | None:
        """The target the choice would change to at :attr:`flip_value_usd`."""
        flip = self._flips()
        return flip[1] if flip else None

    def _flips(self) -> tuple[float, str] | None:
        if isinstance(self._flip, bool):
            utility_alone = (
                self.policy == "utility"
                and self.cascade is None
                and _place_of(self, self.plan[0]) is None
            )
            self._flip = _flip(self) if utility_alone else None
        return self._flip

    def session_move(
        self, answered: str | None = None, attempts: Iterable[Attempt] = ()
    ) -> SessionMove | None:
        """Say where the session goes, and why, where it does not stay at its cached prompt.

        Args:
            answered: Name of the target that answered; unless given, the one that is tried first.
            attempts: What calls were made.

        Returns:
            None where it stays, or where nothing of it is cached anywhere.
        """
        cache, to = self.cache, answered or self.plan[0]
        if cache is None or not cache.tokens or cache.target == to:
            return None
        return SessionMove(cache.target, to, self._why_leave(cache.target, to, attempts))

    def _why_leave(self, origin: str, to: str, attempts: Iterable[Attempt]) -> str:
        for attempt in attempts:
            if attempt.target != origin:
                continue
            if attempt.error_type is not None:
                return f"it failed: {attempt.error_type}"
            if attempt.outcome == "cancelled":
                return f"{to} was faster"
        ranked = {s.target.name: s for s in self.ranked}
        holder = ranked.get(origin)
        if holder is None:
            return self.rejected.get(origin, "it is not configured any more")
        if holder.deferred is not None:
            return holder.deferred
        if self.plan.index(origin) < self.plan.index(to):
            return "it could not be asked at once"
        if self.policy == "ordered":
            return "it comes later in the order given"
        gain_usd = (ranked[to].utility_usd - holder.utility_usd) * self.price_of_money
        return f"{to} is worth ${gain_usd:.4g} more, the cache that is lost counted"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types, for machines."""
        move = self.session_move()
        return {
            "id": self.id,
            "policy": self.policy,
            "balance": self.balance,
            "features": {
                name: sorted(value) if isinstance(value, frozenset) else value
                for name, value in asdict(self.features).items()
            },
            "hints": self.hints.as_plain(),
            "plan": list(self.plan),
            "value_usd": self.value_usd,
            "price_of_waiting_usd_per_s": self.price_of_waiting_usd_per_s,
            "price_of_money": self.price_of_money,
            "pace": self.pace and self.pace._asdict(),
            "cascade": self.cascade and self.cascade._asdict(),
            "kept": self.kept and self.kept._asdict(),
            "propensity": self.propensity,
            "explored": self.exploration is not None and self.exploration.explored,
            "flip_value_usd": self.flip_value_usd,
            "flip_to": self.flip_to,
            "session_move": move and move._asdict(),
            "candidates": [asdict(c) for c in self.candidates],
        }


def _candidate(scored: Scored, decision: Decision) -> Candidate:
    target = scored.target
    first = decision.ranked[0]
    cache, dear = decision.cache, decision.price_of_money
    outlook = target.outlook(decision.features.task, decision.features.effort)
    error = _error(outlook, scored.quality, decision.features.difficulty)
    source = outlook.quality_source
    if decision.features.odds:
        tasks = [f"{task} {chance:.0%}" for task, chance, _ in decision.features.odds]
        source = f"{source}; averaged over {', '.join(tasks)}"
    if (judge := decision.judge) is not None:
        # the evidence's also holds how far users differ from benchmarks; the table's does not
        found = judge.error(target)
        error = error if found is None else min(error, found)
        source = judge.source(target, source)
    held, worth_usd, note = 0, 0.0, None
    if cache is not None and cache.tokens and target.name == cache.target:
        held, worth_usd = cache.tokens, cache.worth_usd(target)
        note = f"holds {held:,} cached tokens of this session, worth ${worth_usd:.4g}"
    elif _shares(scored, first, decision):
        how = (decision.balance or "weighted").replace("_", " ")
        note = f"shares the traffic with {first.target.name} ({how})"
    note = _place_of(decision, target.name) or note
    lost_by = first.utility_usd - scored.utility_usd
    if (cascade := decision.cascade) is not None:
        note = _place_in(cascade, target.name, dear) or note
        lost_by = max(0.0, cascade.worth_usd - scored.utility_usd) if scored is not first else 0.0
    return Candidate(
        target=target.name,
        provider=target.provider,
        model=target.model,
        deferred=scored.deferred,
        lost_by_usd=max(0.0, lost_by) * dear,
        quality=scored.quality,
        quality_error=error,
        quality_source=source,
        cost_usd=scored.cost_usd,
        cost_source=_price_source(target),
        latency_s=scored.latency_s,
        utility_usd=scored.utility_usd * dear,
        cached_tokens=held,
        cache_worth_usd=worth_usd,
        note=note,
    )


def _error(outlook: Outlook, quality: float, difficulty: float) -> float:
    """The standard error of a quality that is the outlook's to the power of 2 x difficulty."""
    if not outlook.quality:
        return outlook.quality_error
    return 2 * difficulty * quality / outlook.quality * outlook.quality_error


def _place_of(decision: Decision, name: str) -> str | None:
    """Say of the first why it is, where it is not the one worth most."""
    if name != decision.plan[0]:
        return None
    exploration, kept = decision.exploration, decision.kept
    if exploration is not None and exploration.explored:
        return (
            f"tried in the place of {exploration.arms[0].target}: it may be better than it looks; "
            f"such a request goes there with {exploration.propensity:.2%}"
        )
    if kept is not None and kept.target == name:
        dear = decision.price_of_money
        return (
            f"stays, as it was chosen last: {kept.over} is worth ${kept.gain_usd * dear:.4g} more, "
            f"and would have to be worth ${kept.margin_usd * dear:.4g} more"
        )
    return None


def _place_in(cascade: Cascade, name: str, dear: float) -> str | None:
    if name == cascade.first:
        return (
            f"asked first, since its answer is checked: it passes with {cascade.passes:.0%}, else "
            f"{cascade.then} is asked; worth ${cascade.gain_usd * dear:.4g} more than the other "
            f"way round, if the check catches {cascade.power:.0%} of bad answers"
        )
    return f"asked where {cascade.first} fails the check" if name == cascade.then else None


def _shares(scored: Scored, first: Scored, decision: Decision) -> bool:
    group = first.target.replica_group
    return (
        scored is not first
        and group is not None
        and scored.target.replica_group == group
        and scored.deferred is None
        and (decision.policy == "utility" or decision.balance is not None)
    )


def _price_source(target: Target) -> str:
    rates = target.rates
    if rates is None:
        return "no price is known: taken to be the dearest"
    return f"{rates.source}, {rates.date}" if rates.date else rates.source


def _flip(decision: Decision) -> tuple[float, str] | None:
    """Find where another candidate's line ``quality * value - burden`` crosses the chosen one's."""
    first, *others = [s for s in decision.ranked if s.deferred is None] or decision.ranked
    waiting, dear = decision.price_of_waiting_usd_per_s, decision.price_of_money
    burden = first.cost_usd * dear + first.latency_s * waiting
    present = decision.value_usd
    above: tuple[float, str] | None = None
    below: tuple[float, str] | None = None
    for other in others:
        gain = other.quality - first.quality
        if gain == 0:
            continue
        crossing = (other.cost_usd * dear + other.latency_s * waiting - burden) / gain
        if gain > 0 and crossing >= present and (above is None or crossing < above[0]):
            above = (crossing, other.target.name)
        if gain < 0 and 0 <= crossing <= present and (below is None or crossing > below[0]):
            below = (crossing, other.target.name)
    if above and below and below[0] > 0:
        return above if above[0] / present <= present / below[0] else below
    return above or below
