"""Of a model object nothing is written down that may be a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from llmrouter_integrations.wrapping.withheld import digest_of_withheld, without_secrets

SECRET = "a-secret-of-mine"


class Model(BaseModel, extra="allow"):
    model: str = "m-1"
    max_tokens: int = 5
    include_response_headers: bool = True
    stop: list[str] = Field(default_factory=lambda: ["END"])
    default_headers: dict[str, str] | None = None
    proxy: str | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    api_key: Any = None
    bos_token: str


def made(**fields):
    return Model(**{"bos_token": "<s>", **fields})


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"default_headers": {"X": SECRET}}, {"default_headers": None}),
        ({"default_query": {"key": SECRET}}, {"default_query": {}}),
        ({"client_kwargs": {"headers": {"X": SECRET}}}, {"client_kwargs": {}}),
        ({"aws_secret_access_key": SECRET}, {"aws_secret_access_key": ""}),
        ({"api_key": SECRET}, {"api_key": None}),
        ({"hf_hub_token": SECRET}, {"hf_hub_token": ""}),
        ({"proxy": f"http://me:{SECRET}@10.0.0.1:8"}, {"proxy": "http://10.0.0.1:8"}),
        (
            {"model_kwargs": {"extra_headers": {"X": SECRET}, "user": "me", "n": [1]}},
            {"model_kwargs": {"user": "me", "n": [1]}},
        ),
        (
            {"model_kwargs": {"extra_body": {"list": ["a", {"api_key": SECRET, "b": 1}]}}},
            {"model_kwargs": {"extra_body": {"list": ["a", {"b": 1}]}}},
        ),
        # the key itself, wherever it stands
        (
            {"api_key": SecretStr(SECRET), "model_kwargs": {"mine": f"is {SECRET}", "b": 1}},
            {"api_key": SecretStr(SECRET), "model_kwargs": {"b": 1}},
        ),
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_left_of_a_model(fields, written):
    model = made(**fields)
    bare = dict(made())
    assert dict(without_secrets(model)) == bare | written
    assert dict(model) == bare | fields
    assert SECRET not in repr(without_secrets(model))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model_kwargs": {"user": "me", "prompt_cache_key": "k", "mail": "me@example.org"}},
        {"proxy": "http://10.0.0.1:8"},
        {"eos_token": "</s>", "tiktoken_model_name": "x", "max_tokens": 9},
        {"api_key": SecretStr("m"), "model": "m-1"},  # too short to be in a text but by chance
        {"default_headers": {}},
    ],
)
def test_what_is_no_secret_is_written(fields):
    model = made(**fields)
    assert without_secrets(model) is model
    assert digest_of_withheld(model) is None


def test_what_is_withheld_tells_models_apart_all_the_same():
    one, same, other = (made(default_headers={"tenant": t}) for t in ("a", "a", "b"))
    assert digest_of_withheld(one) == digest_of_withheld(same) != digest_of_withheld(other)
    assert len(digest_of_withheld(one)) == 16
