"""What a router learns while it is used, end to end."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.errors import (
    ConfigurationError,
    FeedbackError,
    UnknownDecisionError,
)
from llmrouter_integrations.evaluation.datasets import read_table
from llmrouter_integrations.state.feedback import HALF_LIFE_S
from llmrouter_integrations.testing import Fault, Reply

PRICES = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}


@pytest.fixture
def two(simulator):
    """Two targets, of which "good" is expected to be better."""
    simulator.script("m", Reply("yes"))
    simulator.script("n", Reply("no"))
    return [
        simulator.target("openai", "m", name="good", quality=0.8, **PRICES),
        simulator.target("openai", "n", name="less", quality=0.7, **PRICES),
    ]


class Foretelling:
    """A predictor of the user's own."""

    def __init__(self, quality):
        self.models = ("good", "less")
        self._quality = quality

    def predict_one(self, prompt, task):
        return SimpleNamespace(quality=self._quality, familiar=1.0)


def ask(router, score=None, *, hints=None):
    answer = router.complete("Tell me about Rome", hints=hints)
    if score is not None:
        router.feedback(answer.decision.id, score)
    return answer


def test_bad_answers_send_the_traffic_elsewhere(two):
    with Router(two) as router:
        assert ask(router).target == "good"
        for _ in range(10):
            ask(router, 0.0, hints={"pin": "good"})
        answer = ask(router)
        assert answer.target == "less"
        bad = next(c for c in answer.decision.candidates if c.target == "good")
        assert "by feedback" in bad.quality_source
        assert bad.quality < 0.8 ** (2 * answer.decision.features.difficulty)
        assert "(9.78 scores of chat, 10 of all tasks)" in bad.quality_source
        good = next(c for c in answer.decision.candidates if c.target == "less")
        assert "feedback" not in good.quality_source
        assert bad.quality_error <= good.quality_error


def test_good_answers_bring_it_back(two):
    with Router(two, hysteresis=0) as router:
        for _ in range(30):
            ask(router, 0.0, hints={"pin": "good"})
        assert ask(router).target == "less"
        for _ in range(200):
            ask(router, 1.0, hints={"pin": "good"})
        assert ask(router).target == "good"


def test_a_month_later_old_scores_count_half(two, monkeypatch):
    now = 1e9
    monkeypatch.setattr("time.time", lambda: now)
    with Router(two) as router:
        router._learning._clock = router._learning.expectations._clock = lambda: now
        for _ in range(8):
            ask(router, 0.0, hints={"pin": "good"})
        sure = router.explain("Tell me about Rome").scored("good").quality
        now += HALF_LIFE_S
        faded = router.explain("Tell me about Rome").scored("good").quality
    with Router(two) as router:
        fresh = router.explain("Tell me about Rome").scored("good").quality
    assert sure < faded < fresh


@pytest.mark.parametrize("score", [True, False, 0, 1, 0.5, np.float32(0.25), np.bool_(True)])
def test_scores(two, score):
    with Router(two) as router:
        ask(router, score)
        tally = router.evidence()["targets"]["good"]
        ((_, found),) = tally.items()
        assert found["scores"] == 1


@pytest.mark.parametrize(
    "score",
    [
        -0.1,
        1.1,
        math.nan,
        pytest.param(10**400, id="huge"),
        "good",
        "0.5",
        None,
        [1],
        np.array([1.0, 0.0]),
    ],
)
def test_what_is_no_score_is_refused(two, score):
    with Router(two) as router:
        answer = ask(router)
        with pytest.raises(FeedbackError, match="0 to 1"):
            router.feedback(answer.decision.id, score)
        assert router.evidence()["targets"] == {}


def test_a_decision_nobody_remembers(two):
    with Router(two) as router:
        with pytest.raises(UnknownDecisionError, match="'nothing'"):
            router.feedback("nothing", 1.0)
        with pytest.raises(UnknownDecisionError):
            router.feedback(router.explain("Hello").id, 1.0)
        answer = ask(router)
        with pytest.raises(FeedbackError, match="did you mean 'good'"):
            router.feedback(answer.decision.id, 1.0, target="goood")


def test_an_answer_that_makes_room_while_it_is_judged_is_not_silently_lost(two, monkeypatch):
    with Router(two) as router:
        answer = ask(router)
        monkeypatch.setattr(router.state.feedback, "judge", lambda *_: False)
        with pytest.raises(UnknownDecisionError, match="too old"):
            router.feedback(answer.decision.id, 1.0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("predictor", [None, Foretelling({"good": 0.9, "less": 0.2})])
def test_what_feedback_or_a_predictor_had_a_say_in_can_be_copied(two, copied, predictor):
    with Router(two, predictor=predictor) as router:
        ask(router, 0.0)
        answer = ask(router)
        twin = copied(answer)
    assert twin.decision.candidates == answer.decision.candidates
    assert "feedback" in "".join(c.quality_source for c in twin.decision.candidates)


def test_after_a_failover_it_is_the_answer_that_is_judged(two, simulator):
    simulator.script("m", Fault.overloaded())
    with Router(two, max_retries=0) as router:
        assert ask(router, 0.0).target == "less"
        assert set(router.evidence()["targets"]) == {"less"}


@pytest.mark.parametrize("how", ["stream", "complete"])
def test_streams_can_be_judged_too(two, how):
    with Router(two) as router:
        if how == "stream":
            answer = list(router.stream("Hello"))[-1].response
        else:
            answer = router.complete("Hello")
        router.feedback(answer.decision.id, 1.0)
        assert router.evidence()["targets"]["good"]


def test_evidence_survives_a_restart(two):
    with Router(two) as router:
        for _ in range(20):
            ask(router, 0.0, hints={"pin": "good"})
        kept = json.loads(json.dumps(router.evidence()))
        taught = router.explain("Tell me about Rome").scored("good").quality
    with Router(two) as router:
        assert router.load_evidence(kept) == 1
        assert router.explain("Tell me about Rome").scored("good").quality == pytest.approx(
            taught, abs=1e-4
        )
        assert router.evidence() == kept


TALLY = {"weight": 1.0, "excess": 0.5, "at": 0.0, "scores": 1}


@pytest.mark.parametrize(
    "written",
    [
        None,
        [],
        {},
        {"version": 2, "targets": {}},
        {"version": 1, "targets": []},
        {"version": 1, "targets": {"a": {"chat": 3}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "weight": math.nan}}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "weight": -1}}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "excess": 7}}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "scores": math.inf}}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "scores": -1}}}},
        {"version": 1, "targets": {"a": {"chat": {**TALLY, "more": 7}}}},
    ],
)
def test_what_is_no_evidence_is_refused(two, written):
    with Router(two) as router:
        ask(router, 1.0)
        before = router.evidence()
        with pytest.raises(ConfigurationError, match="evidence"):
            router.load_evidence(written)
        assert router.evidence() == before


def test_labels_are_there_where_prompts_are_kept(two):
    with Router(two) as router:
        ask(router, 1.0)
        assert router.labels() == []
    with Router(two, keep_prompts=True) as router:
        ask(router)
        answer = ask(router, 0.25)
        assert router.labels() == [
            {
                "prompt": "Tell me about Rome",
                "task": answer.decision.features.task,
                "model": "good",
                "quality": 0.25,
                "cost_usd": answer.cost_usd,
            }
        ]


def test_labels_are_what_fit_reads(two, tmp_path):
    with Router(two, keep_prompts=True) as router:
        for score in (0.25, 1.0):
            ask(router, score)
        path = tmp_path / "labels.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in router.labels()))
    table = read_table(path)
    assert table.models == ("good",)
    assert table.quality.tolist() == [[0.625]]
    assert set(table.prompts) == {"Tell me about Rome"}
    assert table.tasks is not None


def test_threads_may_judge_while_others_ask(two):
    with Router(two) as router:
        faults = []

        def work():
            try:
                for number in range(20):
                    ask(router, number % 2)
            except Exception as error:  # noqa: BLE001
                faults.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults
        assert (
            sum(
                tally["scores"]
                for tallies in router.evidence()["targets"].values()
                for tally in tallies.values()
            )
            == 80
        )


# -- a fitted predictor ---------------------------------------------------------------------------


class Fixed:
    """Predicts what it was told."""

    def __init__(self, familiar=1.0, **quality):
        self.models = tuple(quality)
        self.told = SimpleNamespace(quality=quality, familiar=familiar)
        self.asked = []

    def predict_one(self, prompt, task=None):
        self.asked.append((prompt, task))
        return self.told


@pytest.mark.parametrize(
    ("familiar", "expected"), [(0.0, "table"), (0.5, "between"), (1.0, "predicted")]
)
def test_a_predictor_counts_as_far_as_it_knows_the_prompt(two, familiar, expected):
    fixed = Fixed(familiar, less=0.99)
    with Router(two) as plain, Router(two, predictor=fixed) as router:
        table = {s.target.name: s.quality for s in plain.explain("Tell me about Rome").ranked}
        decision = router.explain("Tell me about Rome")
        found = {s.target.name: s.quality for s in decision.ranked}
    assert found["good"] == table["good"]
    middle = (table["less"] + 0.99) / 2
    wanted = {"table": table["less"], "between": middle, "predicted": 0.99}
    assert found["less"] == pytest.approx(wanted[expected])
    assert fixed.asked == [("Tell me about Rome", decision.features.task)]
    sources = {c.target: c.quality_source for c in decision.candidates}
    assert f"a fitted predictor by {familiar:.0%}" in sources["less"]
    assert "fitted" not in sources["good"]
    scored = decision.scored("less")
    spent = scored.cost_usd + scored.latency_s * decision.price_of_waiting_usd_per_s
    assert scored.utility_usd == pytest.approx(scored.quality * decision.value_usd - spent)


def test_models_are_known_by_name_and_by_what_they_serve(simulator):
    targets = [
        simulator.target("openai", "m", name="named", quality=0.5, **PRICES),
        simulator.target("openai", "n", name="other", quality=0.5, **PRICES),
    ]
    with Router(targets, predictor=Fixed(named=0.9, N=0.8)) as router:
        found = {s.target.name: s.quality for s in router.explain("Hi").ranked}
    assert found == {"named": pytest.approx(0.9), "other": pytest.approx(0.8)}


def test_scores_are_held_against_what_was_predicted(two):
    with Router(two, predictor=Fixed(good=0.9)) as router:
        ask(router, 0.9)
        ((_, tally),) = router.evidence()["targets"]["good"].items()
    assert tally["excess"] == pytest.approx(0.0)


def test_evidence_that_is_among_the_labels_does_not_count_twice(two):
    with Router(two) as router:
        for target in ("good", "less"):
            ask(router, 0.0, hints={"pin": target})
        kept = router.evidence()
    with Router(two, predictor=Fixed(good=0.9)) as router:
        assert router.load_evidence(kept) == 1
        assert set(router.evidence()["targets"]) == {"less"}


def test_a_predictor_that_knows_none_of_the_targets_is_a_mistake(two):
    says = r"knows none of the targets: it knows other; the targets are good, less"
    with pytest.raises(ConfigurationError, match=says):
        Router(two, predictor=Fixed(other=0.9))


def test_a_predictor_file_that_is_not_there(two):
    with pytest.raises(ConfigurationError, match=r"nowhere\.npz: there is no such file"):
        Router(two, predictor="nowhere.npz")
    with pytest.raises(ConfigurationError, match="either config"):
        Router(predictor="nowhere.npz", config={})
    with pytest.raises(ConfigurationError, match="nowhere"):
        Router(config=RouterConfig(models=two, predictor="nowhere.npz"))


# -- exploring, staying ---------------------------------------------------------------------------


def test_exploring_is_told_in_the_answer(two):
    with Router(two, explore={"share": 0.5, "max_regret": 1.0, "extra_cost": 1.0}) as router:
        router._rng = router._explorer._rng = random.Random(3)
        explained = [router.explain("Tell me about Rome") for _ in range(50)]
        assert {d.plan[0] for d in explained} == {"good"}
        assert {d.propensity for d in explained} == {1.0}
        answers = [ask(router) for _ in range(40)]
    tried = [a for a in answers if a.target == "less"]
    assert 0 < len(tried) <= 20
    for answer in tried:
        told = answer.decision.as_dict()
        assert told["explored"] is True
        assert 0 < told["propensity"] < 0.5
        assert "tried in the place of good" in answer.decision.candidates[0].note
    asked = [a.decision for a in answers if a.decision.propensity < 1 and a.target == "good"]
    assert asked
    assert all(d.propensity > 0.5 for d in asked)


def test_a_near_tie_stays_and_explaining_changes_nothing(simulator):
    targets = [
        simulator.target("openai", "m", name="a", quality=0.8, **PRICES),
        simulator.target("openai", "n", name="b", quality=0.801, **PRICES),
        simulator.target("openai", "n", name="c", quality=0.3, **PRICES),
    ]
    with Router(targets) as router:
        assert router.explain("Tell me about Rome").plan[0] == "b"
        assert router.explain("Tell me about Rome", hints={"exclude": ["b"]}).plan[0] == "a"
        assert router.explain("Tell me about Rome").plan[0] == "b"
        assert ask(router, hints={"exclude": ["b"]}).target == "a"
        answer = ask(router)
        assert answer.target == "a"
        assert answer.decision.kept.over == "b"
        assert "stays, as it was chosen last: b is worth" in answer.decision.candidates[0].note
        assert answer.decision.as_dict()["kept"]["over"] == "b"
        assert ask(router, hints={"task": "code"}).target == "b"
    with Router(targets, hysteresis=0) as router:
        ask(router, hints={"exclude": ["b"]})
        assert ask(router).target == "b"


def test_who_stays_shares_with_its_replicas_and_nobody_that_is_worth_more(simulator):
    targets = [
        simulator.target("openai", name[0], name=name, quality=quality, **PRICES)
        for name, quality in (("a1", 0.8), ("a2", 0.8), ("b", 0.801), ("c", 0.801), ("d", 0.3))
    ]
    with Router(targets) as router:
        ask(router, hints={"exclude": ["b", "c"]})
        assert {ask(router).decision.plan[0] for _ in range(40)} == {"a1", "a2"}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"explore": {"share": 0.6}}, "explore.share"),
        ({"explore": {"shar": 0.1}}, "did you mean 'share'"),
        ({"explore": {"tasks": ["cod"]}}, "explore.tasks"),
        ({"hysteresis": -1}, "hysteresis"),
        ({"hysteresis": True}, "hysteresis"),
        ({"keep_prompts": "perhaps"}, "keep_prompts"),
        ({"predictor": ""}, "predictor"),
    ],
)
def test_settings_that_cannot_be(settings, fault):
    with pytest.raises(ConfigurationError, match=fault):
        RouterConfig.of("openai/x", **settings)


# -- what the review found ---------------------------------------------------------------------


def test_the_answer_that_was_handed_on_is_judged(simulator):
    simulator.script("m", Reply("not JSON"))
    simulator.script("n", Reply(""))
    targets = [
        simulator.target("openai", "m", name="handed-on", quality=0.9, **PRICES),
        simulator.target("openai", "n", name="empty", quality=0.5, **PRICES),
    ]
    schema = {"type": "object", "properties": {"k": {"type": "integer"}}, "required": ["k"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with Router(targets, max_retries=0) as router:
        answer = router.complete("Give me k", response_format=form)
        assert answer.target == "handed-on"
        assert [a.target for a in answer.attempts] == ["handed-on", "empty"]
        router.feedback(answer.decision.id, 1.0)
        assert list(router.evidence()["targets"]) == ["handed-on"]


def test_a_predictor_that_fails_leaves_the_table(two, caplog):
    class Failing(Foretelling):
        def predict_one(self, prompt, task):
            raise RuntimeError("no such file")

    with Router(two) as plain, Router(two, predictor=Failing({})) as router:
        for _ in range(2):
            table, found = plain.explain("Hi"), router.explain("Hi")
            assert [c.quality for c in found.candidates] == [c.quality for c in table.candidates]
    assert caplog.text.count("the predictor fails") == 1


def test_a_clock_that_ran_ahead_does_not_make_evidence_last(two):
    with Router(two) as router:
        ask(router, 0.0)
        written = router.evidence()
        now = written["targets"]["good"]["chat"]["at"]
        written["targets"]["good"]["chat"]["at"] = now + 1e9
        router.load_evidence(written)
        assert router.evidence()["targets"]["good"]["chat"]["at"] < now + 60


def test_prompts_are_kept_up_to_a_length(two):
    with Router(two, keep_prompts=True) as router:
        for prompt in ("short", "long " * 10_000):
            answer = router.complete(prompt)
            router.feedback(answer.decision.id, 1.0)
        assert [row["prompt"] for row in router.labels()] == ["short"]
