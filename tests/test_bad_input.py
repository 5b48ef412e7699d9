"""Every mistake of a user is told in our own words, soon, and before anything is spent."""

from __future__ import annotations

import socket
import time

import pytest

from llmrouter_integrations import Router, RouterConfig, RouterError
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    ConfigurationError,
    ContextOverflowError,
    MissingKeyError,
    NoCandidateError,
    UnknownHintError,
    UnknownModelError,
)
from llmrouter_integrations.langchain import RoutedChatModel

KEY = "sk-never-to-be-shown"
SOON_S = 1.0


def one(**fields):
    return {"model": "openai/m", "base_url": "http://127.0.0.1:9/v1", "api_key": KEY, **fields}


def dead_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def broken_yaml(tmp_path):
    path = tmp_path / "llmrouter.yaml"
    path.write_text("models:\n  - model: openai/m\n    timeout: 3\n")
    return RouterConfig.load(path)


MISTAKES = {
    "no key anywhere": (lambda tmp: Router(env={}), MissingKeyError, "OPENAI_API_KEY"),
    "no key for this one": (
        lambda tmp: Router(["anthropic/claude-opus-5"], env={}),
        MissingKeyError,
        "ANTHROPIC_API_KEY",
    ),
    "unknown provider": (lambda tmp: Router(["opnai/m"], env={}), UnknownModelError, "openai/m"),
    "no provider": (lambda tmp: Router(["gpt"], env={}), UnknownModelError, "provider/model"),
    "unknown hint": (
        lambda tmp: Router([one()]).complete("Hi", hints={"tsk": "code"}),
        UnknownHintError,
        "did you mean 'task'",
    ),
    "contradictory filters": (
        lambda tmp: Router([one()]).complete("Hi", hints={"models": "m", "exclude": "m"}),
        NoCandidateError,
        "openai/m: excluded by the caller",
    ),
    "too long for any window": (
        lambda tmp: Router([one(context_window=100)]).complete("word " * 1000),
        ContextOverflowError,
        "window of 100",
    ),
    "a broken file": (broken_yaml, ConfigurationError, r"line 3: field models\[0\].timeout"),
    "a dead proxy": (
        lambda tmp: Router([one()], proxy=f"http://127.0.0.1:{dead_port()}").complete("Hi"),
        AllTargetsFailed,
        "TargetConnectionError",
    ),
    "a dead server": (
        lambda tmp: Router([one(base_url=f"http://127.0.0.1:{dead_port()}/v1")]).complete("Hi"),
        AllTargetsFailed,
        "TargetConnectionError",
    ),
    "in LangChain": (
        lambda tmp: RoutedChatModel(models=[one()]).invoke("Hi", hints={"prefr": "cost"}),
        UnknownHintError,
        "did you mean 'prefer'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_soon_in_our_own_words(name, tmp_path, caplog):
    make, kind, words = MISTAKES[name]
    caplog.set_level("DEBUG")
    began = time.monotonic()
    with pytest.raises(kind, match=words) as caught:
        make(tmp_path)
    took_s = time.monotonic() - began
    assert isinstance(caught.value, RouterError)
    assert took_s < SOON_S
    told = f"{caught.value!r} {caught.value} {caplog.text}"
    assert KEY not in told
