"""What of a configuration is kept when its targets are simulated."""

from __future__ import annotations

import pytest

from llmrouter_integrations import BoundTarget, RouterConfig
from llmrouter_integrations.drill.catalogue import PROTOCOLS
from llmrouter_integrations.drill.live import LiveScene
from llmrouter_integrations.drill.rows import chosen
from llmrouter_integrations.drill.scene import SimulatedScene, built_in
from llmrouter_integrations.errors import ConfigurationError

CONFIG = RouterConfig(
    models=(
        {"model": "openai/gpt-6.1-terra", "name": "a", "api_key": "secret", "headers": {"x": "y"}},
        {"model": "openai/gpt-6.1-terra", "name": "b", "api_key": "another", "weight": 3},
        {"model": "openai/gpt-5.6-luna", "name": "c", "api_key": "secret", "max_concurrency": 9},
        {"model": "house/llama", "name": "d", "base_url": "http://10.0.0.7/v1"},
        {"model": "gemini:gemini-3.7-flash", "name": "e"},
    ),
    policy="ordered",
    max_retries=2,
    timeout_s=77,
)


@pytest.fixture
def scene(stage):
    made = SimulatedScene(CONFIG, stage, patience_s=None)
    yield made
    made.close()


def test_addresses_and_keys_are_replaced_and_all_else_is_kept(scene, stage):
    config = scene.router(None, ()).config
    assert (config.policy, config.max_retries, config.timeout_s) == ("ordered", 2, 77)
    assert [t.name for t in config.models] == ["a", "b", "c", "d", "e"]
    assert [t.weight for t in config.models] == [1, 3, 1, 1, 1]
    assert config.models[2].max_concurrency == 9
    assert all(t.base_url.startswith("http://127.0.0.1:") for t in config.models)
    assert all(not t.headers for t in config.models)
    assert "secret" not in repr([t.api_key.get_secret_value() for t in config.models])


def test_who_shared_a_key_still_shares_its_limit_and_each_is_asked_in_its_protocol(scene):
    groups = {t.name: t.quota_group for t in scene.targets}
    assert groups["a"] == groups["c"]
    assert len(set(groups.values())) == 4
    protocols = [t.protocol for t in scene.router(None, ()).config.models]
    assert protocols == [*["openai-responses"] * 3, "openai-chat", "gemini"]


def test_only_who_fails_is_where_nobody_is(scene, stage):
    (row,) = chosen(["connection-refused"])
    config = scene.router(row, ["b"]).config
    dead = [t.name for t in config.models if t.base_url == stage.url("openai", "dead port")]
    assert dead == ["b"]


def test_patience_shortens_every_limit_on_silence(stage):
    scene = SimulatedScene(CONFIG, stage, patience_s=0.1)
    config = scene.router(None, ()).config
    assert (config.first_token_timeout_s, config.idle_timeout_s) == (0.1, 0.1)
    assert config.timeout_s == pytest.approx(0.4)
    scene.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_built_in_pair_speaks_two_protocols(protocol):
    first, second = built_in(protocol).models
    assert first.protocol == protocol
    assert second.protocol != protocol
    assert second.context_window > first.context_window


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (RouterConfig(), "under `models`"),
        (RouterConfig(models=(BoundTarget(model="a/b", name="mine", backend=1),)), "mine"),
    ],
)
def test_what_cannot_be_drilled_is_told(config, told, stage):
    with pytest.raises(ConfigurationError, match=told):
        SimulatedScene(config, stage, patience_s=None)
    with pytest.raises(ConfigurationError, match=told):
        LiveScene(config)


def test_a_target_with_efforts_is_drilled_as_the_one_endpoint_it_is(stage):
    target = {"model": "openai/gpt-5.5", "efforts": ["low", "high"], "api_key": "k"}
    config = RouterConfig(models=(target,))
    simulated = SimulatedScene(config, stage, patience_s=None)
    live = LiveScene(config)
    for scene in (simulated, live):
        assert [target.name for target in scene.targets] == ["openai/gpt-5.5"]
        scene.close()
