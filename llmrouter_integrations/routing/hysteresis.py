"""Near-ties stay where they are: :class:`Incumbents`.

A paraphrase changes a prompt's length, and so what it costs, by a little. Where two targets are
worth nearly the same that would send one question now here, now there. So whoever was chosen last
for such requests stays until another is worth more by a margin: no more can be lost by it.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.routing.decision import Scored
    from llmrouter_integrations.routing.target import Target

__all__ = ["Incumbents", "Kept", "traffic_of"]

MOST_KINDS = 10_000
"""How many kinds of traffic are remembered: about 3 MB."""


class Kept(NamedTuple):
    """A target that is asked first although another is worth a little more.

    Attributes:
        target: Who is asked first.
        over: Who is worth more.
        gain_usd: By how much, in the dollars of their utilities.
        margin_usd: By how much it would have to be.
    """

    target: str
    over: str
    gain_usd: float
    margin_usd: float


def traffic_of(task: str, value_usd: float, hints: RoutingHints) -> Hashable:
    """Name the kind of traffic a request is: its session, or its task at its price of quality."""
    if hints.session is not None:
        return hints.tenant, hints.session
    return hints.tenant, task, value_usd, hints.prefer


class Incumbents:
    """Who was chosen last for each kind of traffic. Thread-safe.

    Args:
        margin: Share of a good answer's value by which another must be worth more.
    """

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self._lock = Lock()
        self._chosen: OrderedDict[Hashable, str] = OrderedDict()

    def keep(self, ready: list[Scored], traffic: Hashable, value_usd: float) -> Kept | None:
        """Put the incumbent first, if it is nearly worth as much as the first.

        Args:
            ready: The targets, best first; changed in place.
            traffic: Whose incumbent.
            value_usd: What a good answer is worth, in the dollars of their utilities.
        """
        chosen = self._chosen.get(traffic)
        best = ready[0]
        if chosen is None or chosen == _identity(best.target):
            return None
        margin_usd = self.margin * value_usd
        for place, scored in enumerate(ready):
            gain_usd = best.utility_usd - scored.utility_usd
            if gain_usd > margin_usd:
                return None
            if _identity(scored.target) == chosen:
                ready.insert(0, ready.pop(place))
                return Kept(scored.target.name, best.target.name, gain_usd, margin_usd)
        return None

    def chose(self, traffic: Hashable, target: Target) -> None:
        """Remember who was chosen; replicas count as one."""
        chosen = self._chosen
        with self._lock:
            chosen[traffic] = _identity(target)
            chosen.move_to_end(traffic)
            if len(chosen) > MOST_KINDS:
                chosen.popitem(last=False)


def _identity(target: Target) -> str:
    return target.replica_group or target.name
