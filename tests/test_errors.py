"""The tree of errors: what each means for the next step, and what it tells."""

from __future__ import annotations

import pickle

import pytest

from llmrouter_integrations import errors
from llmrouter_integrations.messages import Attempt, Message, Response, TextPart

ATTEMPTS = (Attempt("a", "openai", "m", "error", error="503 down", duration_s=0.5),)

CONSEQUENCES = [
    # class, what rests, whether another target may do it, whether the same one may
    ("InvalidRequestError", "nothing", "no", False),
    ("UnsupportedParameterError", "nothing", "other_model", False),
    ("ContextOverflowError", "nothing", "bigger_window", False),
    ("ContentFilteredError", "nothing", "other_model", False),
    ("AuthenticationError", "quota_group", "yes", False),
    ("MisconfiguredTargetError", "nothing", "yes", False),
    ("PermissionDeniedError", "target", "yes", False),
    ("ModelNotFoundError", "target", "yes", False),
    ("RateLimitedError", "quota_group", "yes", True),
    ("QuotaExhaustedError", "quota_group", "yes", False),
    ("OverloadedError", "target", "yes", True),
    ("ServerError", "target", "yes", True),
    ("TargetTimeoutError", "target", "yes", False),
    ("TargetConnectionError", "target", "yes", True),
    ("TruncatedAnswerError", "target", "yes", True),
    ("EmptyAnswerError", "target", "yes", True),
    ("MalformedToolCallError", "target", "yes", True),
]


@pytest.mark.parametrize(("name", "cools", "elsewhere", "retry_same"), CONSEQUENCES)
def test_what_an_error_means_stands_on_its_class(name, cools, elsewhere, retry_same):
    cls = getattr(errors, name)
    assert (cls.cools, cls.elsewhere, cls.retry_same) == (cools, elsewhere, retry_same)


def test_every_public_error_is_in_the_tree_and_in_its_drawing():
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.RouterError)
        assert name in errors.__doc__


def test_an_attempt_error_tells_target_words_status_and_code():
    error = errors.RateLimitedError("slow down", status=429, code="rpm", target="primary")
    assert str(error) == "primary: slow down [429 rpm]"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.status) == (type(error), str(error), 429)


def test_a_timeout_and_a_parameter_survive_a_pickle():
    timeout = pickle.loads(pickle.dumps(errors.TargetTimeoutError("late", phase="idle")))
    assert timeout.phase == "idle"
    bad = pickle.loads(pickle.dumps(errors.UnsupportedParameterError("no", parameter="stop")))
    assert bad.parameter == "stop"


def test_the_last_word_names_every_attempt():
    error = errors.AllTargetsFailed(ATTEMPTS)
    assert str(error) == "every target failed: a: 503 down (0.50 s)"
    assert error.attempts == ATTEMPTS
    late = errors.DeadlineExceeded(ATTEMPTS, 3.0)
    assert str(late).startswith("no answer within 3 s: a: 503 down")


def test_an_interrupted_stream_carries_what_had_arrived():
    partial = Response(Message("assistant", (TextPart("half an ans"),)))
    error = errors.StreamInterrupted(partial, errors.TruncatedAnswerError("cut"), ATTEMPTS)
    assert error.partial.text == "half an ans"
    assert error.usage is partial.usage
    assert "after 11 characters" in str(error)


def test_a_missing_extra_names_the_command():
    error = errors.MissingExtraError("RoutedChatModel", "langchain", "langchain_core")
    assert "pip install 'llmrouter-integrations[langchain]'" in str(error)
    assert isinstance(error, ImportError)


@pytest.mark.parametrize(
    "error",
    [
        errors.AllTargetsFailed(ATTEMPTS, "stopped", retry_after_s=2.0),
        errors.DeadlineExceeded(ATTEMPTS, 3.0, retry_after_s=2.0),
        errors.NoCandidateError({"a": "b"}, "Change it"),
        errors.BudgetExceeded("day", 0.5, 7.0),
        errors.MissingExtraError("X", "langchain"),
        errors.StreamInterrupted(
            Response(Message("assistant", ())), errors.ServerError("x"), ATTEMPTS
        ),
    ],
)
def test_every_error_survives_a_pickle(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert copy.__dict__.keys() == error.__dict__.keys()
