"""How good the routing is: every figure of the goals, with its interval and its baselines.

    python benchmarks/routing.py                 # a few minutes
    python benchmarks/routing.py --smoke         # everything, tiny, in seconds
    python benchmarks/routing.py --json out.json

The labels and LiveBench's tables are read from ../shared (or --shared); what is not there is left
out, and said so. No row is judged on by what was learned from it: the splits are five random
folds, every task by the others, or one set by another. Goals are those of the published and the
first measured figures; in brackets stands the 95% interval of a bootstrap over the rows judged on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations import Router
from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.evaluation.bootstrap import Figure
from llmrouter_integrations.evaluation.datasets import read_table
from llmrouter_integrations.evaluation.evaluate import (
    Evaluation,
    Options,
    cross_validate,
    hold_out,
)
from llmrouter_integrations.evaluation.fit import fit
from llmrouter_integrations.evaluation.html import figure_text
from llmrouter_integrations.evaluation.record import as_record, figures_of
from llmrouter_integrations.evaluation.task_measuring import COARSE, left_out, told
from llmrouter_integrations.evaluation.task_training import hashed
from llmrouter_integrations.evaluation.traffic import COST_SHARES, Traffic, run
from llmrouter_integrations.evaluation.train_tasks import (
    FAMILIES,
    SEED,
    TASKS,
    corpus_prompts,
    dressed,
)
from llmrouter_integrations.fleet import discover
from llmrouter_integrations.hints import EMPTY as NOTHING_SAID
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.routing.stickiness import session_key
from llmrouter_integrations.routing.task_model import shipped
from llmrouter_integrations.state.base import Stay, Tally
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from llmrouter_integrations.config import TargetConfig
    from llmrouter_integrations.evaluation.datasets import LabelledTable

ROOT = Path(__file__).resolve().parent.parent
FROZEN = ROOT / "tests" / "routing" / "data"
LLMROUTER, MMLU, GSM8K, ROUTERBENCH = (
    "llmrouter_train.csv",
    "routellm_mmlu_dev.csv",
    "routellm_gsm8k_dev.csv",
    "routerbench_sub_train.csv",
)
PAIR = ("prompt", "paraphrase")
FLEETS = (
    (
        "openai/gpt-5.6-luna",
        "anthropic/claude-opus-5",
        "anthropic/claude-sonnet-5",
        "google/gemini-3.6-flash",
        "deepseek/deepseek-v4-flash",
        "openai/gpt-5.6-sol",
    ),
    (
        "openai/gpt-5.6-luna",
        "anthropic/claude-opus-5",
        "google/gemini-3.7-flash",
        "openai/gpt-5.6-terra",
    ),
    ("openai/gpt-5.5", "anthropic/claude-sonnet-5", "deepseek/deepseek-v4-pro"),
)
BASELINES = ("random", "prompt_length", "best_single", "single_models", "task_table", "oracle")


@dataclass
class Row:
    """A figure, what it should be, and what it stands beside."""

    what: str
    figure: Figure
    goal: str
    met: bool
    beside: dict[str, Figure]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="everything, tiny")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    bench = Bench(given.shared, 20 if given.smoke else given.resamples, given.seed, given.smoke)
    rows: list[Row] = []
    for title, measure in (
        ("MMLU pair, 1,500 labels of the same set (five folds)", mmlu),
        ("GSM8K pair, in-domain (five folds)", gsm8k),
        ("GSM8K pair, learned from the MMLU pair alone", gsm8k_unlabelled),
        ("LLMRouter set, each task judged by what the others taught", task_left_out),
        ("RouterBench slice, in-domain (five folds)", routerbench),
        (
            "LLMRouter set, in-domain (five folds; costs: parameters, for the file has none)",
            in_domain,
        ),
        (
            "LiveBench's table as traffic, half of the tasks to learn and half to judge",
            livebench,
        ),
        ("What is asked: the task of prompts frozen before the training", tasks_told),
        ("What is asked, on sources left out of the training (docs/tasks.md)", tasks_left_out),
        (
            "Time of a fitted prediction of 9 models, prompts of 1 KB, CPU microseconds",
            fitted_time,
        ),
        (
            "Time of a decision over 100 candidates, prompts of 1 KB, CPU microseconds",
            decision_time,
        ),
    ):
        began = time.perf_counter()
        try:
            found = measure(bench)
        except FileNotFoundError as error:
            print(f"\nleft out: {title}: there is no {error.filename}")
            continue
        print(f"\n{title} ({time.perf_counter() - began:.0f} s)")
        for row in found:
            show(row)
        rows += found
    if given.json:
        told = [
            {
                "what": row.what,
                **row.figure._asdict(),
                "goal": row.goal,
                "met": row.met,
                "beside": {name: figure._asdict() for name, figure in row.beside.items()},
            }
            for row in rows
        ]
        given.json.write_text(json.dumps(told, indent=2))


def show(row: Row) -> None:
    value, interval = figure_text(row.figure)
    verdict = "met" if row.met else "NOT MET"
    print(f"  {row.what:28} {value:>7} {interval:18} goal {row.goal:22} {verdict}")
    for name, figure in row.beside.items():
        value, interval = figure_text(figure)
        print(f"      {name:24} {value:>7} {interval}")


class Bench:
    """Where the tables are, and how to measure."""

    def __init__(self, shared: Path, resamples: int, seed: int, smoke: bool) -> None:
        self.shared = shared
        self.options = Options(resamples=resamples, seed=seed)
        self.smoke = smoke

    def table(self, name: str) -> LabelledTable:
        """Read a file of labels; FileNotFoundError where it is not there."""
        path = self.shared / "routing" / name
        if not path.is_file():
            raise FileNotFoundError(2, "absent", str(path))
        return read_table(path, max_rows=300) if self.smoke else read_table(path)


def mmlu(bench: Bench) -> list[Row]:
    told = cross_validate(bench.table(MMLU), "random", (), bench.options, labels=1500)
    return [at_least(told, "apgr", 0.64), *flips(told)]


def gsm8k(bench: Bench) -> list[Row]:
    told = cross_validate(bench.table(GSM8K), "random", (), bench.options)
    return [at_least(told, "apgr", 0.65), *flips(told)]


def gsm8k_unlabelled(bench: Bench) -> list[Row]:
    told = hold_out(bench.table(MMLU), bench.table(GSM8K), (), bench.options)
    return [at_least(told, "apgr", 0.60)]


def task_left_out(bench: Bench) -> list[Row]:
    told = cross_validate(bench.table(LLMROUTER), "leave-one-task-out", (), bench.options)
    over = as_record(told)["router"]["over"]["best_single"]
    lead = Figure(over["quality_best"], *over["intervals"]["quality_best"])
    beside = beside_of(told, "quality_best")
    beside["router"] = figures_of(told.results["router"])["quality_best"]
    met = lead.value is not None and lead.value >= 0
    return [Row("quality over fixed ranking", lead, ">= 0", met, beside)]


def routerbench(bench: Bench) -> list[Row]:
    told = cross_validate(bench.table(ROUTERBENCH), "random", (), bench.options)
    near_best = figures_of(told.results["router"])["c98"]
    met = near_best.value is not None and near_best.value <= 0.45
    return [
        at_least(told, "aiq", 0.86),
        Row("c98", near_best, "<= 0.45", met, beside_of(told, "c98")),
        *flips(told),
    ]


def in_domain(bench: Bench) -> list[Row]:
    told = cross_validate(bench.table(LLMROUTER), "random", (), bench.options)
    return [at_least(told, "aiq", 0.615), *flips(told)]


def livebench(bench: Bench) -> list[Row]:
    path = bench.shared / "catalog"
    if not path.is_dir():
        raise FileNotFoundError(2, "absent", str(path))
    told = run(Traffic.read(path), halvings=3 if bench.smoke else 30, seed=bench.options.seed)
    least = told.cost_for_97
    beside = {}
    for share, (quality, cost) in told.aimed.items():
        beside[f"score, aimed at {share:.0%}"] = quality
        beside[f"cost, aimed at {share:.0%}"] = cost
        beside[f"one model, at {share:.0%}"] = told.fixed_aimed[share][0]
    met = least is not None and least <= 0.15
    rows = [Row("cost for 97% of the score", Figure(least, None, None), "<= 0.15", met, beside)]
    for share in COST_SHARES:
        lead = told.above_hull[share]
        met = lead.value is not None and lead.value > 0
        rows.append(Row(f"lead over hull at {share:.0%}", lead, "> 0", met, {}))
    return rows


def tasks_told(bench: Bench) -> list[Row]:
    rows = [json.loads(line) for line in (FROZEN / "task_prompts.jsonl").read_text().splitlines()]
    said = [(row["task"], told(shipped(), row["prompt"])) for row in rows]
    pairs = [json.loads(line) for line in (FROZEN / "paraphrases.jsonl").read_text().splitlines()]
    flipped = [
        told(shipped(), pair["prompt"]) != told(shipped(), pair["paraphrase"]) for pair in pairs
    ]
    rows = right_shares(said, bench, 0.70)
    for what, each in (("task", flipped), ("choice", choices_flipped(pairs, bench.options.seed))):
        rate = share_of(each, bench)
        met = rate.value is not None and rate.value <= 0.10
        rows.append(Row(f"flips of the {what}, paraphrases by hand", rate, "<= 0.10", met, {}))
    return rows


def choices_flipped(pairs: list[dict[str, str]], seed: int) -> list[bool]:
    """Say whether both of a pair went to one model, pairs torn apart in mixed traffic."""
    flipped = []
    for fleet in FLEETS:
        for prefer in ("balanced", "quality"):
            router = Router(models=list(fleet), prefer=prefer, env={}, keys_required=False)
            asked = [(i, pair[kind]) for i, pair in enumerate(pairs) for kind in PAIR]
            random.Random(seed).shuffle(asked)
            went: dict[int, set[str]] = {}
            for i, prompt in asked:
                decision = router.decide(request_from(prompt), sends=True)
                went.setdefault(i, set()).add(decision.plan[0])
            flipped += [len(names) > 1 for names in went.values()]
    return flipped


def tasks_left_out(bench: Bench) -> list[Row]:
    training, _ = corpus_prompts(bench.shared)
    if bench.smoke:
        training = training[::20]
    prompts = dressed(training, SEED)
    kept = dict(list(FAMILIES.items())[-1:]) if bench.smoke else FAMILIES
    held = left_out(
        prompts,
        hashed(prompts, TASKS),
        len(training),
        families=kept,
        seed=SEED,
        tell=lambda _: None,
    )
    rows = []
    for score in held.scores:
        figure = Figure(score.coarse, None, None)
        beside = {"all tasks": Figure(score.right, None, None)}
        met = score.coarse >= 0.80
        rows.append(Row(score.name, figure, ">= 0.80 code/math/rest", met, beside))
    return rows


def right_shares(said: list[tuple[str, str]], bench: Bench, goal: float) -> list[Row]:
    coarse = [tuple(t if t in COARSE else "rest" for t in pair) for pair in said]
    rows = []
    for what, pairs, least in (("all tasks", said, goal), ("code, math, rest", coarse, 0.80)):
        figure = share_of([task == found for task, found in pairs], bench)
        met = figure.value is not None and figure.value >= least
        rows.append(Row(what, figure, f">= {least:.2f}", met, {}))
    return rows


def share_of(values: list[bool], bench: Bench) -> Figure:
    rng = np.random.default_rng(bench.options.seed)
    drawn = rng.choice(values, (bench.options.resamples, len(values))).mean(axis=1)
    return Figure(float(np.mean(values)), *map(float, np.quantile(drawn, [0.025, 0.975])))


def decision_time(bench: Bench) -> list[Row]:
    known = discover(Catalog.load(), os.environ, keys_required=False)
    # there are fewer, so some stand there twice, under other names
    models = [known[n % len(known)].model_copy(update={"name": f"target {n}"}) for n in range(100)]
    words = ("solve", "write", "which", "summarize", "table", "python", "integral", "story")
    rng = np.random.default_rng(bench.options.seed)
    # more than are remembered of the last ones
    prompts = [" ".join(rng.choice(words, 160))[:1000] for _ in range(1000)]
    cases = {"": (Router(models, keys_required=False), [request_from(p, {}) for p in prompts])}
    with suppress(FileNotFoundError):
        prompts = real_prompts(bench)
        requests = [request_from(prompt, {}) for prompt in prompts]
        cases[", everything on"] = router_with_everything(bench, models), requests
    seconds: dict[str, list[float]] = {case: [] for case in cases}
    for n in range((200 if bench.smoke else 5000) + 100):
        # a session that nobody serves has nothing cached, so that there is no reason not to explore
        hints = (RoutingHints(session="served"), RoutingHints(session="new"))[n % 2]
        for case, (router, requests) in cases.items():
            asked, said = requests[n % len(requests)], hints if case else NOTHING_SAID
            began = time.thread_time()
            router.decide(asked, said, sends=bool(case))
            seconds[case].append(time.thread_time() - began)
    rows = []
    for case, (router, _) in cases.items():
        router.close()
        p50, p99 = np.quantile(seconds[case][100:], [0.5, 0.99]) * 1e6
        rows += [
            Row(f"p50{case}", Figure(float(p50), None, None), "< 300", bool(p50 < 300), {}),
            Row(f"p99{case}", Figure(float(p99), None, None), "< 2500", bool(p99 < 2500), {}),
        ]
    return rows


def real_prompts(bench: Bench) -> list[str]:
    """Give stretches of 1 KB out of the prompts of a labelled set, all of them different."""
    text = "\n".join(bench.table(LLMROUTER).prompts)
    starts = np.linspace(0, len(text) - 1000, 1000).astype(int).tolist()
    return [text[start : start + 1000] for start in starts]


def router_with_everything(bench: Bench, models: list[TargetConfig]) -> Router:
    """Make a router that has all to think of: predictor, evidence, exploration, pace, a session."""
    table = bench.table(LLMROUTER)
    predictor = fit(table.rows(np.arange(0, len(table), len(table) // 300)), seed=0)
    # some of the targets are the models it was fitted on
    named = (
        model.model_copy(update={"name": name})
        for model, name in zip(models, table.models, strict=False)
    )
    router = Router(
        [*named, *models[len(table.models) :]],
        keys_required=False,
        predictor=predictor,
        explore={"share": 0.02},
        budgets=[{"limit_usd": 50.0, "period": "day", "pace": True}],
    )
    now = time.time()
    tallies = {task: Tally(20.0, 1.0, now, 20) for task in TASKS}
    router.state.feedback.load({target.name: tallies for target in router.targets})
    served = session_key(RoutingHints(session="served"))
    if served is not None:
        router.state.stay(served, Stay(router.targets[-1].name, 200, time.monotonic() + 3600))
    return router


def fitted_time(bench: Bench) -> list[Row]:
    table = bench.table(LLMROUTER)
    predictor = fit(table.rows(np.arange(0, len(table), 3)), seed=bench.options.seed)
    prompts = ["\n".join(table.prompts[n : n + 40])[:1000] for n in range(0, len(table) - 40, 40)]
    microseconds = []
    for n in range(300 if bench.smoke else 5000):
        began = time.thread_time()
        predictor.predict_one(prompts[n % len(prompts)])
        microseconds.append(1e6 * (time.thread_time() - began))
    p50, p99 = np.quantile(microseconds[100:], [0.5, 0.99])
    return [
        Row("p50", Figure(float(p50), None, None), "< 150", bool(p50 < 150), {}),
        Row("p99", Figure(float(p99), None, None), "", True, {}),
    ]


def beside_of(told: Evaluation, name: str) -> dict[str, Figure]:
    return {base: figures_of(told.results[base])[name] for base in BASELINES}


def at_least(told: Evaluation, name: str, goal: float) -> Row:
    figure = figures_of(told.results["router"])[name]
    met = figure.value is not None and figure.value >= goal
    return Row(name, figure, f">= {goal}", met, beside_of(told, name))


def flips(told: Evaluation) -> list[Row]:
    """Give the share of choices turned by all other wordings, and by those of the worst kind."""
    found = told.results["router"]
    rate = figures_of(found)["flip_rate"]
    by_kind = dict(found.flips.by_kind) if found.flips else {}
    worst = max(by_kind, key=by_kind.__getitem__)
    kinds = {kind: Figure(share, None, None) for kind, share in by_kind.items()}
    return [
        Row("flips, paraphrases by rule", rate, "<= 0.10", (rate.value or 0.0) <= 0.10, kinds),
        Row(f"flips of {worst!r}, the worst", kinds[worst], "<= 0.10", by_kind[worst] <= 0.10, {}),
    ]


if __name__ == "__main__":
    main()
