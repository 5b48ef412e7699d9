"""What a day's budget buys: paced, unpaced, and at the one price of money that hindsight knows.

    python benchmarks/pacing.py                 # a few seconds
    python benchmarks/pacing.py --smoke         # everything, tiny, in seconds
    python benchmarks/pacing.py --json out.json

The traffic is LiveBench's table (../shared/catalog, or --shared): a day's questions are drawn from
half of its tasks, and what is expected of each model is learned from the other half. They come in
a day's swell with some bursts. The limits are shares of what the router would spend without one.
An answer that is refused scores nothing. In brackets: the 2.5th and 97.5th percentile over days,
each with another half, another traffic.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.catalog import livebench
from llmrouter_integrations.evaluation.bootstrap import Figure
from llmrouter_integrations.evaluation.html import figure_text
from llmrouter_integrations.evaluation.traffic import Traffic, from_catalogue
from llmrouter_integrations.routing.allowance import Allowance, Balance
from llmrouter_integrations.routing.pace import MOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROOT = Path(__file__).resolve().parent.parent
VALUE_USD = 5.0
"""What a good answer is worth: so much that without a limit the best models answer."""
LIMITS = (0.6, 0.3, 0.1)
DAY_S = 86_400.0


class Result(NamedTuple):
    """One day: mean score, share of the limit that was spent, share of questions refused."""

    score: float
    spent: float
    refused: float


@dataclass
class Day:
    """A day's questions, in the order they come.

    Attributes:
        at: When, in seconds of the day.
        quality: Questions by models: what is expected of each.
        cost: Likewise, in dollars.
        score: What came of each.
        usd: What each cost.
    """

    at: Floats
    quality: Floats
    cost: Floats
    score: Floats
    usd: Floats

    @classmethod
    def draw(cls, traffic: Traffic, questions: int, rng: np.random.Generator) -> Day:
        """Draw a day's questions, and when they come."""
        mine = rng.permutation(len(traffic.tasks)) % 2 == 0
        for place in range(len(traffic.categories)):  # something must be known of each category
            of_it = np.flatnonzero(traffic.category_of == place)
            mine[of_it[0]], mine[of_it[-1]] = True, False
        known = {task for task, is_mine in zip(traffic.tasks, mine, strict=True) if is_mine}
        bench = livebench.read(traffic.directory, tasks=known)
        expected = from_catalogue(bench, traffic.runs, traffic.categories)
        asked = rng.choice(np.flatnonzero(~mine), questions)
        category = traffic.category_of[asked]
        return cls(
            at=arrivals(questions, rng),
            quality=expected.quality[:, category].T,
            cost=expected.usd[:, category].T,
            score=traffic.score[:, asked].T,
            usd=traffic.usd[:, asked].T,
        )

    def spend(
        self, limit_usd: float, price_at: Callable[[float, float], float], *, refuses: bool = True
    ) -> Result:
        """Go through the day: each question to whom it is worth most at the price of the moment."""
        spent = score = 0.0
        refused = 0
        for n, now in enumerate(self.at):
            cost = self.cost[n]
            worth = self.quality[n] * VALUE_USD - cost * price_at(now, spent)
            worth[cost > limit_usd - spent] = -np.inf
            chosen = int(worth.argmax())
            if worth[chosen] == -np.inf:
                if refuses:
                    refused += 1
                    continue
                chosen = int(cost.argmin())
            spent += self.usd[n, chosen]
            score += self.score[n, chosen]
        return Result(score / len(self.at), spent / limit_usd, refused / len(self.at))

    def hindsight_price(self, limit_usd: float) -> float:
        """Find the least price of money, held all day, at which the limit is kept."""
        low, high = 0.0, float(np.log(MOST))
        if self._spent_at(1.0) <= limit_usd:
            return 1.0
        for _ in range(30):
            middle = (low + high) / 2
            if self._spent_at(float(np.exp(middle))) > limit_usd:
                low = middle
            else:
                high = middle
        return float(np.exp(high))

    def _spent_at(self, price: float) -> float:
        chosen = (self.quality * VALUE_USD - self.cost * price).argmax(axis=1)
        return float(self.usd[np.arange(len(chosen)), chosen].sum())


def arrivals(questions: int, rng: np.random.Generator) -> Floats:
    """Draw when questions come: more by day than by night, and two to five bursts of minutes."""
    minute = np.arange(1440) / 1440
    rate = 1 + 0.9 * np.sin(2 * np.pi * (minute - 0.3))
    for _ in range(rng.integers(2, 6)):
        centre, width = rng.uniform(0, 1), rng.uniform(0.005, 0.03)
        rate += rng.uniform(2, 12) * np.exp(-0.5 * ((minute - centre) / width) ** 2)
    share = np.cumsum(rate) / rate.sum()
    return np.sort(np.interp(rng.random(questions), share, minute)) * DAY_S


def paced(limit_usd: float) -> Callable[[float, float], float]:
    """Give the router's own price of money."""

    def price_at(now: float, spent: float) -> float:
        balance = Balance("day", limit_usd, spent, 0.0, DAY_S, pace=True)
        return Allowance([balance], now).price_of_money

    return price_at


def held(price: float) -> Callable[[float, float], float]:
    return lambda _now, _spent: price


def play(day: Day, share: float) -> dict[str, Result]:
    unlimited = day._spent_at(1.0)
    limit_usd = unlimited * share
    return {
        "paced": day.spend(limit_usd, paced(limit_usd)),
        "unpaced, then refused": day.spend(limit_usd, held(1.0)),
        "unpaced, then the cheapest": day.spend(limit_usd, held(1.0), refuses=False),
        "hindsight's price": day.spend(limit_usd, held(day.hindsight_price(limit_usd))),
        "no limit": day.spend(np.inf, held(1.0))._replace(spent=1 / share),
    }


def over_days(values: list[float]) -> Figure:
    low, high = np.quantile(values, [0.025, 0.975])
    return Figure(float(np.mean(values)), float(low), float(high))


def text(figure: Figure) -> str:
    return " ".join(part for part in figure_text(figure) if part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--questions", type=int, default=1000, help="a day")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="everything, tiny")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    directory = given.shared / "catalog"
    if not directory.is_dir():
        print(f"left out: there is no {directory}")
        return
    began = time.perf_counter()
    traffic, rng = Traffic.read(directory), np.random.default_rng(given.seed)
    days, questions = (2, 60) if given.smoke else (given.days, given.questions)
    drawn = [Day.draw(traffic, questions, rng) for _ in range(days)]
    told = []
    for share in LIMITS:
        print(f"\nlimit: {share:.0%} of what is spent without one; {days} days of {questions}")
        results = [play(day, share) for day in drawn]
        for name in results[0]:
            of_it = [result[name] for result in results]
            behind = [r[name].score - r["hindsight's price"].score for r in results]
            row = {
                "score": over_days([r.score for r in of_it]),
                "over hindsight": over_days(behind),
                "of the limit": over_days([r.spent for r in of_it]),
                "refused": over_days([r.refused for r in of_it]),
            }
            print(f"  {name:27}", "  ".join(f"{what} {text(f)}" for what, f in row.items()))
            told.append(
                {"limit": share, "policy": name, **{k: f._asdict() for k, f in row.items()}}
            )
    print(f"\n{time.perf_counter() - began:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
