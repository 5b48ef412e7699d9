"""Routers from elsewhere on the same chart."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from llmrouter_integrations.errors import ConfigurationError, DatasetError
from llmrouter_integrations.evaluation.evaluate import Options, cross_validate
from llmrouter_integrations.evaluation.plug_ins import load_router, load_routers, policy, router_of
from tests.evaluation.labels import table

QUICK = Options(resamples=5)


def measured(router, made=None):
    contender = router_of(router, "theirs", "a prompt")
    made = made or table(60)
    result = cross_validate(made, "random", [contender], QUICK).results["theirs"]
    return contender, result


def long(prompt):
    return len(prompt) > 150


async def coroutine(prompt):
    return prompt


KINDS = [
    # what the callable gives for a prompt, whether its choice is fixed
    (lambda prompt: SimpleNamespace(name="strong" if long(prompt) else "weak"), True),
    (lambda prompt: "strong" if long(prompt) else "weak", True),
    (lambda prompt: {"weak": 0.5, "strong": float(long(prompt)), "tiny": 0, "other": 9}, False),
    (lambda prompt: [float(long(prompt)), 0.5, 0.0], False),
    (lambda prompt: np.array([float(long(prompt)), 0.5, 0.0]), False),
]


@pytest.mark.parametrize(("router", "fixed"), KINDS)
def test_a_callable_may_give_a_name_or_scores(router, fixed):
    made = table(60)
    contender, result = measured(router, made)
    assert contender.fixed is fixed
    expected = [q[0] if long(p) else q[1] for p, q in zip(made.prompts, made.quality, strict=True)]
    assert result.measured.figures["quality_best"][0] == pytest.approx(np.mean(expected))
    assert "ece" not in result.measured.figures  # such scores do not claim to be qualities


@pytest.mark.parametrize("models", [("strong", "weak"), ("weak", "strong")])
def test_of_two_models_one_number_says_how_much_the_strong_one_is_needed(models):
    made = table(200).columns(models)
    _, result = measured(lambda prompt: len(prompt) / 1000, made)
    _, same = measured(lambda prompt: {"strong": len(prompt) / 1000, "weak": 0.0}, made)
    assert result.measured.figures["apgr"][0] == same.measured.figures["apgr"][0]
    assert result.measured.figures["apgr"][0] > 0.55


def test_a_predictor_of_more_models_in_another_order_is_put_right():
    class Theirs:
        models = ("tiny", "unknown", "weak", "strong")

        def predict(self, prompts, tasks=None):
            return np.tile([0.1, 1.0, 0.2, 0.9], (len(prompts), 1))

    made = table(60)
    _, result = measured(Theirs(), made)
    assert result.measured.figures["quality_best"][0] == pytest.approx(made.quality[:, 0].mean())
    Theirs.predict = lambda self, prompts, tasks=None: np.zeros(len(prompts))
    with pytest.raises(
        DatasetError, match=r"prompts by 4 models; it gave an array of shape \(12,\)"
    ):
        measured(Theirs())
    Theirs.models = ("tiny", "unknown", "weak", "x")
    with pytest.raises(DatasetError, match="predicts nothing of strong"):
        measured(Theirs())


@pytest.mark.parametrize(
    ("router", "kind", "says"),
    [
        (5, ConfigurationError, "neither callable nor a Predictor"),
        (type("Theirs", (), {"models": (), "predict": None}), ConfigurationError, "is a class"),
        (coroutine, ConfigurationError, "is a coroutine function"),
        (lambda _: None, ConfigurationError, "it returned None"),
        (lambda _: "gpt", DatasetError, "chose 'gpt'; the models are strong, weak, tiny"),
        (lambda _: 0.5, DatasetError, "returned 0.5, not a model's name or a score of each"),
        (lambda _: [1, 2], DatasetError, "not a model's name or a score of each"),
        (lambda _: {"a": 1, "b": 2, "c": 3}, DatasetError, "gives no score of 'strong'"),
    ],
)
def test_what_is_no_router_is_told_so(router, kind, says):
    with pytest.raises(kind, match=says):
        measured(router)


def test_a_router_is_imported_from_the_working_directory(tmp_path, monkeypatch):
    text = "def route(prompt):\n    return 'weak'\n\nclass Box: inner = staticmethod(route)\n"
    (tmp_path / "their_router.py").write_text(text)
    (tmp_path / "their_second.py").write_text(text)
    (tmp_path / "their_broken.py").write_text("import no_such_thing_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    assert load_router("their_router:route", "hi").name == "route"
    specs = ["their_router:route", "their_second:route", "their_router:Box.inner"]
    names = [contender.name for contender in load_routers(specs, "hi")]
    assert names == ["their_router.route", "their_second.route", "Box.inner"]
    for spec, says in (
        ("their_router", "module:callable, not 'their_router'"),
        ("their_other:route", "there is no module 'their_other'"),
        ("their_router:other", "'their_router' has no 'other'"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            load_router(spec, "hi")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_at_all"):
        load_router("their_broken:route", "hi")


def test_a_policy_is_what_the_router_of_a_configuration_would_do(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "policy: ordered\nmodels:\n"
        "  - {model: openai/gpt-5.4, name: weak}\n"
        "  - {model: openai/gpt-5.5, name: strong}\n"
    )
    made = table(30)
    told = cross_validate(made, "random", [policy(path)], QUICK)
    figures = told.results["mine"].measured.figures
    assert figures["quality"][0] == pytest.approx(made.quality[:, 1].mean())
    path.write_text("models:\n  - {model: openai/gpt-5.4, name: other}\n")
    with pytest.raises(DatasetError, match=r"targets \(other\) must be named as the data's"):
        cross_validate(made, "random", [policy(path)], QUICK)
