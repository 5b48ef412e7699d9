"""llmrouter.yaml and constructor arguments: what is read, and what is said of mistakes."""

from __future__ import annotations

import copy
import pickle

import pytest

from llmrouter_integrations.config import RouterConfig, TargetConfig, split_model
from llmrouter_integrations.errors import ConfigurationError, UnknownModelError

GOOD = """\
prefer: quality
timeout_s: 45
hints: {tenant: acme}
models:
  - openai/gpt-5.4-mini
  - model: anthropic/claude-haiku-4-5
    name: backup
    api_key: ${TEAM_KEY}
    quality: {code: 0.7, overall: 0.6}
"""


def write(tmp_path, text):
    path = tmp_path / "llmrouter.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_and_variables_are_filled_in(tmp_path):
    config = RouterConfig.load(write(tmp_path, GOOD), env={"TEAM_KEY": "sk-team"})
    assert [t.name for t in config.models] == ["openai/gpt-5.4-mini", "backup"]
    assert config.models[1].api_key.get_secret_value() == "sk-team"
    assert (config.prefer, config.timeout_s, config.hints) == ("quality", 45.0, {"tenant": "acme"})


@pytest.mark.parametrize(
    ("text", "kind", "where"),
    [
        ("models: [", ConfigurationError, "line 1, column 10: not valid YAML"),
        ("- a\n- b\n", ConfigurationError, "must be a mapping"),
        (
            "models:\n  - openai/a\nprefr: cost\n",
            ConfigurationError,
            r"line 3: field prefr: no such setting; did you mean 'prefer'\?",
        ),
        (
            "models:\n  - model: openai/a\n    bas_url: x\n",
            ConfigurationError,
            r"line 3: field models\[0\].bas_url: no such setting; did you mean 'base_url'\?",
        ),
        ("models:\n\n  - gpt\n", UnknownModelError, r"line 3: field models\[0\].model: 'gpt' must"),
        ("timeout_s: soon\n", ConfigurationError, "line 1: field timeout_s: .*valid number"),
        ("timeout_s: .inf\n", ConfigurationError, "line 1: field timeout_s: .*finite number"),
        ("timeout_s: 1e9\n", ConfigurationError, "line 1: field timeout_s: .*equal to 86400"),
        ("idle_timeout_s: 1e12\n", ConfigurationError, "line 1: field idle_timeout_s: .*86400"),
        ("value_usd: .inf\n", ConfigurationError, "line 1: field value_usd: .*finite number"),
        (
            "models:\n  - model: openai/a\n    quality: {code: .nan}\n",
            ConfigurationError,
            "line 3: .*finite number",
        ),
        ("models: []\n", ConfigurationError, "line 1: field models: no models: name at least one"),
        ("models:\n#  - openai/a\n", ConfigurationError, "field models: no models"),
        ("timeout_s: 0\n", ConfigurationError, "line 1: field timeout_s: .*greater than 0"),
        ("hints:\n  tsk: code\n", ConfigurationError, "line 1: field hints: unknown hint 'tsk'"),
        (
            "models:\n  - model: openai/a\n    api_key: ${NOT_THERE}\n",
            ConfigurationError,
            r"line 3: field models\[0\].api_key: the environment variable NOT_THERE is not set",
        ),
        (
            "models:\n  - model: openai/a\n    base_url: https://user:pw@host/v1\n",
            ConfigurationError,
            "line 3: .*no credentials",
        ),
        ("models: [openai/a, openai/a]\n", ConfigurationError, "two targets are named 'openai/a'"),
        (
            "models:\n  - model: openai/a\n    quality: 7\n",
            ConfigurationError,
            "line 3: .*between 0 and 1",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(tmp_path, text, kind, where):
    with pytest.raises(kind, match=where) as caught:
        RouterConfig.load(write(tmp_path, text), env={})
    assert "llmrouter.yaml" in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_missing_or_unreadable_file_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        RouterConfig.load(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        RouterConfig.load(tmp_path / "binary.yaml")


def test_an_empty_file_is_a_configuration_of_defaults(tmp_path):
    assert RouterConfig.load(write(tmp_path, "")) == RouterConfig()


@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("openai/gpt-5", ("openai", "gpt-5")),
        ("openai:gpt-5", ("openai", "gpt-5")),
        ("openrouter/anthropic/claude", ("openrouter", "anthropic/claude")),
        ("ollama/llama3.2:3b", ("ollama", "llama3.2:3b")),
        ("bedrock/us.amazon.nova-v1:0", ("bedrock", "us.amazon.nova-v1:0")),
        ("gpt-5", ("", "gpt-5")),
    ],
)
def test_a_model_is_written_provider_slash_model(written, split):
    assert split_model(written) == split


def test_constructor_arguments_complain_likewise():
    with pytest.raises(ConfigurationError, match="did you mean 'timeout_s'"):
        RouterConfig.of(["openai/a"], timout_s=3)
    with pytest.raises(ConfigurationError, match="no models"):
        RouterConfig.of([])


def test_no_list_of_models_is_another_thing_than_an_empty_one():
    assert RouterConfig().models is RouterConfig.of(None).models is None
    assert RouterConfig(**RouterConfig().model_dump()) == RouterConfig()


def test_secrets_are_in_no_repr_and_no_pickle_but_survive_a_copy():
    target = TargetConfig(
        model="openai/a",
        api_key="sk-secret",
        headers={"Authorization": "Bearer sk-secret", "x-foo": "sk-secret"},
        options={"secret_access_key": "sk-secret", "signed": "sk-secret", "region": "eu"},
    )
    config = RouterConfig(models=(target,), proxy="http://user:sk-secret@proxy:1")
    assert "sk-secret" not in repr(config)
    assert b"sk-secret" not in pickle.dumps(config)
    loaded = pickle.loads(pickle.dumps(config))
    assert loaded.models[0].headers == {}
    assert loaded.models[0].options == {"region": "eu"}
    copied = copy.deepcopy(config).models[0]
    assert copied.api_key.get_secret_value() == "sk-secret"
    assert copied.headers == target.headers
    assert "sk-secret" not in config.model_dump_json()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("prefer: cost\nprefer: cost\n", "line 2: field prefer: stands twice"),
        ("a: &a [*a]\n", "nested too deeply, or in itself"),
        ("a: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
            "aliases multiply",
        ),
        ("#" * 1_100_000, "is larger than"),
        *(
            (f"models:\n  - model: openai/a\n    base_url: {url}\n", "line 3: field .*base_url")
            for url in ("http://h:abc/v1", '"http://h/\\nx"', "http://h:99999", "http://h/v1#x")
        ),
    ],
)
def test_a_file_that_means_harm_is_told(tmp_path, text, where):
    with pytest.raises(ConfigurationError, match=where):
        RouterConfig.load(write(tmp_path, text), env={})


@pytest.mark.parametrize(
    "lone", ["openai/a", {"model": "openai/a"}, TargetConfig(model="openai/a")]
)
def test_a_lone_target_needs_no_list(lone):
    assert RouterConfig.of(lone) == RouterConfig.read({"models": ["openai/a"]})


@pytest.mark.parametrize("source", [None, 5, {"prefr": "cost"}, "absent.yaml"])
def test_what_is_no_configuration_is_told(source):
    with pytest.raises(ConfigurationError):
        RouterConfig.read(source)


@pytest.mark.parametrize(
    "text", ["models: ['${KEY}']\n", "hints: {prefer: '${KEY}'}\n", "prefer: ${KEY}\n"]
)
def test_a_value_from_the_environment_is_in_no_message(tmp_path, text):
    with pytest.raises(ConfigurationError) as caught:
        RouterConfig.load(write(tmp_path, text), env={"KEY": "sk-secret-key"})
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("field", ["context_window", "weight", "quality"])
def test_a_flag_is_no_figure(field):
    with pytest.raises(ConfigurationError, match="must not be true or false"):
        RouterConfig.of([{"model": "openai/a", field: True}])


@pytest.mark.parametrize(
    "field", [n for n, f in TargetConfig.model_fields.items() if "float" in str(f.annotation)]
)
def test_every_figure_of_a_target_is_finite(field):
    figure = {"Puzzles": float("inf")} if field == "benchmarks" else float("inf")
    with pytest.raises(ConfigurationError, match="finite"):
        RouterConfig.of([{"model": "openai/a", field: figure}])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"efforts": ["low", "low"]}, "efforts: names an effort twice"),
        ({"efforts": []}, r"efforts: .*at least 1 item"),
        ({"efforts": ["lowest"]}, r"efforts\[0\]: .*'none', 'minimal', 'low'"),
        ({"benchmarks": {"Puzzles": 101}}, "less than or equal to 100"),
    ],
)
def test_efforts_and_benchmarks_that_are_none_are_told(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        RouterConfig.of([{"model": "openai/a", **fields}])


def test_a_target_may_not_bear_the_name_of_anothers_effort():
    with pytest.raises(ConfigurationError, match="two targets are named 'openai/a@low'"):
        RouterConfig.of(
            [
                {"model": "openai/a", "efforts": ["low", "high"]},
                {"model": "openai/b", "name": "openai/a@low"},
            ]
        )


@pytest.mark.parametrize("said", [{"input": 5}, {"input": "text"}, {"tools": "maybe"}])
def test_an_ability_that_is_none_is_told_with_its_line(tmp_path, said):
    text = f"models:\n  - model: openai/a\n    abilities: {said}\n"
    with pytest.raises(ConfigurationError, match=r"line 3: field models\[0\].abilities: .*must be"):
        RouterConfig.load(write(tmp_path, text), env={})


def test_an_order_given_is_not_explored():
    with pytest.raises(ConfigurationError, match="explore needs the policy 'utility'"):
        RouterConfig.of(["openai/gpt-5.5"], policy="ordered", explore={"share": 0.1})
