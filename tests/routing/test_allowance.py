"""What a request may still spend: who is left out for it, who serves all the same."""

from __future__ import annotations

import pytest

from llmrouter_integrations.errors import BudgetExceeded, NoCandidateError
from llmrouter_integrations.routing.allowance import Allowance, Balance
from tests.routing.test_policy import choose, target

DEAR = target("openai/dear", name="dear", output_usd_per_mtok=100.0, quality=0.95)
FAIR = target("openai/fair", name="fair", output_usd_per_mtok=10.0, quality=0.8)
CHEAP = target("openai/cheap", name="cheap", output_usd_per_mtok=1.0, quality=0.5)
FREE = target(
    "ollama/free", name="free", input_usd_per_mtok=0.0, output_usd_per_mtok=0.0, quality=0.1
)
ALL = (DEAR, FAIR, CHEAP)
COST = {c.target: c.cost_usd for c in choose(ALL, value_usd=1.0).candidates}


def left(usd, **fields):
    return Balance(**{"budget": "b", "limit_usd": 1.0, "spent_usd": 1.0 - usd, **fields})


def plan(balances, targets=ALL, **settings):
    allowance = Allowance(balances, 50.0)
    return choose(targets, allowance=allowance, value_usd=1.0, **settings)


@pytest.mark.parametrize(
    ("usd", "serves"),
    [
        (COST["dear"] * 1.01, ("dear", "fair", "cheap")),
        (COST["dear"] * 0.99, ("fair", "cheap")),
        (COST["fair"] * 0.99, ("cheap",)),
    ],
)
@pytest.mark.parametrize("policy", ["utility", "ordered"])
def test_who_costs_more_than_is_left_is_left_out_with_the_reason(usd, serves, policy):
    decision = plan([left(usd)], policy=policy)
    assert decision.plan == serves
    for name in set(COST) - set(serves):
        assert decision.rejected[name] == (
            f"expected to cost ${COST[name]:.6f}, and budget 'b' has ${usd:.6f} left"
        )


def test_nothing_is_left_for_anybody():
    with pytest.raises(BudgetExceeded) as told:
        plan([left(1e-9, resets_at=1795564800.0)])
    error = told.value
    assert (error.budget, error.remaining_usd) == ("b", pytest.approx(1e-9))
    assert error.resets_at == 1795564800.0
    assert error.needed_usd == COST["cheap"]
    assert str(error) == (
        "budget 'b' has $0.0000 left, and this request needs about $0.0003; "
        "the next period begins at 2026-11-25 00:00:00 UTC"
    )


def test_what_is_overspent_is_not_less_than_nothing():
    with pytest.raises(BudgetExceeded) as told:
        plan([left(-3.0)])
    assert told.value.remaining_usd == 0.0
    assert told.value.resets_at is None


def test_a_free_model_serves_whatever_is_left():
    assert plan([left(-3.0)], (*ALL, FREE)).plan == ("free",)


def test_a_budget_of_some_targets_leaves_the_others_alone():
    decision = plan([left(0.0, targets=frozenset({"fair", "dear"}))])
    assert decision.plan == ("cheap",)


def test_the_cheapest_serves_beyond_a_limit_that_does_not_refuse():
    soft = left(0.0, budget="soft", refuses=False)
    decision = plan([soft])
    assert decision.plan == ("cheap",)
    assert set(decision.rejected) == {"dear", "fair"}
    # as long as anybody fits, nobody goes beyond it
    assert plan([left(COST["fair"], refuses=False)]).plan == ("fair", "cheap")
    # and a limit that does refuse is kept to
    with pytest.raises(BudgetExceeded) as told:
        plan([soft, left(COST["cheap"] * 0.9, budget="hard")])
    assert told.value.budget == "hard"
    hard = left(COST["cheap"] * 1.1, budget="hard")
    assert plan([soft, hard]).plan == ("cheap",)


def test_who_rests_is_not_asked_for_money_it_does_not_have():
    with pytest.raises(NoCandidateError):
        plan([left(0.0)], hints={"models": ["nobody"]})


def test_dear_money_moves_the_choice_and_shows_in_every_figure():
    even = choose(ALL, value_usd=0.5)
    assert even.plan[0] == "dear"
    pace = left(0.5, resets_at=100.0, pace=True)  # half of the time, and less of what counts
    allowance = Allowance([pace._replace(spent_usd=0.55)], 50.0)
    decision = choose(ALL, value_usd=0.5, allowance=allowance)
    price = decision.price_of_money
    assert price == allowance.price_of_money > 2
    assert decision.plan[0] == "fair"
    first = decision.chosen
    for candidate in decision.candidates:
        parts = (
            candidate.quality * decision.value_usd
            - candidate.cost_usd * price
            - candidate.latency_s * decision.price_of_waiting_usd_per_s
        )
        assert candidate.utility_usd == pytest.approx(parts)
        assert candidate.lost_by_usd == pytest.approx(first.utility_usd - parts)
    # beyond the flip point it does flip, at the same price of money
    flip = decision.flip_value_usd
    below, above = (
        choose(ALL, value_usd=flip * share, allowance=allowance).plan[0] for share in (0.999, 1.001)
    )
    assert {below, above} == {"fair", decision.flip_to}
    told = decision.as_dict()
    assert told["price_of_money"] == price
    assert told["pace"]["budget"] == "b"
