"""A model object's own retries are off in the copy that is asked, and nowhere else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pydantic import BaseModel, PrivateAttr

from llmrouter_integrations.testing import Fault
from llmrouter_integrations.wrapping.one_try import with_one_try

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


class Holder(BaseModel):
    """An integration of a vendor's, that keeps a client where others cannot see it."""

    client: Any = None
    _hidden: Any = PrivateAttr(default=None)


# -- botocore's clients ----------------------------------------------------------------------------


@pytest.fixture(params=["legacy", "standard"])
def bedrock(request, simulator):
    """A client that retries three times."""
    session = pytest.importorskip("botocore.session").get_session()
    config = pytest.importorskip("botocore.config").Config(
        retries={"total_max_attempts": 4, "mode": request.param}
    )
    client = session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        endpoint_url=simulator.url("bedrock"),
        config=config,
    )
    yield client
    client.close()


def asked(simulator, client):
    """Ask a failing model, and say how often that was."""
    simulator.reset()
    simulator.script(CLAUDE, Fault.status(500))
    said = {"modelId": CLAUDE, "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    with pytest.raises(client.exceptions.InternalServerException):
        client.converse(**said)
    return simulator.calls(CLAUDE)


def test_bedrocks_client_asks_once_and_the_users_own_as_ever(simulator, bedrock, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    model = Holder(client=bedrock)
    model._hidden = bedrock
    single = with_one_try(model)
    assert asked(simulator, single.client) == 1
    assert asked(simulator, single._hidden) == 1
    assert asked(simulator, bedrock) == 4
    assert model.client is bedrock is model._hidden
    assert single.client._endpoint.http_session is bedrock._endpoint.http_session


def test_a_configuration_of_botocores_for_clients_yet_to_be_made():
    config = pytest.importorskip("botocore.config").Config(
        retries={"max_attempts": 10, "mode": "standard"}, read_timeout=7
    )
    single = with_one_try(Holder(client=config))
    assert single.client.retries == {"total_max_attempts": 1}
    assert single.client.read_timeout == 7
    assert config.retries["max_attempts"] == 10


def test_a_client_that_is_built_otherwise_is_left_as_it_is_and_told(bedrock, caplog):
    del bedrock._endpoint._event_emitter
    model = Holder(client=bedrock)
    with caplog.at_level(logging.WARNING):
        assert with_one_try(model).client is bedrock
    assert "total_max_attempts" in caplog.text


# -- fields ----------------------------------------------------------------------------------------


def integration(name, **fields):
    """A model of a class of that name, with these fields."""
    kind = type(name, (BaseModel,), {"__annotations__": dict.fromkeys(fields, Any), **fields})
    return type("Mine", (kind,), {})()


@pytest.mark.parametrize(
    ("name", "fields", "single"),
    [
        ("ChatMistralAI", {"max_retries": 5}, {"max_retries": 0}),
        ("ChatGoogleGenerativeAI", {"max_retries": 6}, {"max_retries": 1}),
        (
            "ChatLiteLLM",
            {"max_retries": 1, "model_kwargs": {"num_retries": 3, "drop_params": True}},
            {
                "max_retries": 0,
                "model_kwargs": {"max_retries": 0, "num_retries": 0, "drop_params": True},
            },
        ),
        (
            "LiteLLM",
            {"max_retries": 10, "additional_kwargs": None},
            {"max_retries": 0, "additional_kwargs": {"max_retries": 0, "num_retries": 0}},
        ),
    ],
)
def test_what_an_integration_is_told(name, fields, single):
    model = integration(name, **fields)
    assert dict(with_one_try(model)) == single
    assert dict(model) == fields
