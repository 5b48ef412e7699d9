from __future__ import annotations

import pickle

import pytest
from langchain_core import exceptions as theirs

from llmrouter_integrations import errors as ours
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain.errors import as_model_error
from llmrouter_integrations.messages import Attempt, TextPart, Usage
from tests.scripted import answer


def attempt(error_type):
    return Attempt("a/b", "a", "b", "error", f"{error_type}: x", error_type, 0.1)


PARTIAL = answer(TextPart("so far"), usage=Usage(1, 2))


@pytest.mark.parametrize(
    ("error", "kind", "is_retryable"),
    [
        (ours.AuthenticationError("bad key", status=400), theirs.ModelAuthenticationError, False),
        (ours.MissingKeyError("no key"), theirs.ModelAuthenticationError, False),
        (ours.MisconfiguredTargetError("no url"), theirs.ModelInvalidRequestError, False),
        (ours.PermissionDeniedError("no"), theirs.ModelPermissionDeniedError, False),
        (ours.ModelNotFoundError("gone"), theirs.ModelNotFoundError, False),
        (ours.UnknownModelError("gone"), theirs.ModelNotFoundError, False),
        (ours.RateLimitedError("slow", retry_after_s=3), theirs.ModelRateLimitError, True),
        (ours.QuotaExhaustedError("empty"), theirs.ModelRateLimitError, False),
        (ours.OverloadedError("busy"), theirs.ModelAPIError, True),
        (ours.ServerError("oops", status=500), theirs.ModelAPIError, True),
        (ours.TargetTimeoutError("late", phase="idle"), theirs.ModelTimeoutError, True),
        (ours.TargetConnectionError("cut"), theirs.ModelConnectionError, True),
        (ours.TruncatedAnswerError("half"), theirs.ModelAPIError, True),
        (ours.ContextOverflowError("long"), theirs.ContextOverflowError, False),
        (ours.ContentFilteredError("no"), theirs.ModelInvalidRequestError, False),
        (
            ours.UnsupportedParameterError("no", parameter="seed"),
            theirs.ModelInvalidRequestError,
            False,
        ),
        (ours.NoCandidateError({"a": "no tools"}), theirs.ModelInvalidRequestError, False),
        (ours.UnknownHintError("what"), theirs.ModelInvalidRequestError, False),
        (ours.MissingExtraError("X", "y"), theirs.ModelInvalidRequestError, False),
        (ours.BudgetExceeded("day", 0.1, 7.0), theirs.ModelError, False),
        (ours.DeadlineExceeded([attempt("ServerError")], 9), theirs.ModelTimeoutError, True),
        (ours.AllTargetsFailed([]), theirs.ModelError, False),
        (
            ours.AllTargetsFailed([attempt("RateLimitedError"), attempt("AuthenticationError")]),
            theirs.ModelRateLimitError,
            True,
        ),
        (
            ours.AllTargetsFailed([attempt("ModelNotFoundError"), attempt("AuthenticationError")]),
            theirs.ModelAuthenticationError,
            False,
        ),
        (
            ours.AllTargetsFailed([attempt("ContextOverflowError")] * 2),
            theirs.ContextOverflowError,
            False,
        ),
        (
            ours.AllTargetsFailed([attempt("QuotaExhaustedError")]),
            theirs.ModelRateLimitError,
            False,
        ),
        (
            ours.StreamInterrupted(PARTIAL, ours.TargetConnectionError("cut")),
            theirs.ModelConnectionError,
            True,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_both(error, kind, is_retryable):
    own, told, attributes = type(error), str(error), dict(vars(error))
    both = as_model_error(error)
    assert both is error
    assert isinstance(both, own)
    assert isinstance(both, kind)
    assert both.is_retryable is is_retryable
    assert (str(both), vars(both)) == (told, attributes)
    assert type(both).__name__ == own.__name__
    assert as_model_error(both) is both
    revived = pickle.loads(pickle.dumps(both))
    assert type(revived) is type(both)
    assert str(revived) == told
    assert revived.is_retryable is is_retryable
    assert vars(revived).keys() == attributes.keys()


async def test_every_way_of_calling_raises_both(scripted):
    fault = ours.AllTargetsFailed([attempt("OverloadedError")])
    llm = RoutedChatModel(router=scripted(fault))

    async def drained():
        return [chunk async for chunk in llm.astream("hi")]

    for call in (lambda: llm.invoke("hi"), lambda: list(llm.stream("hi"))):
        with pytest.raises(theirs.ModelAPIError) as caught:
            call()
        assert isinstance(caught.value, ours.AllTargetsFailed)
        assert caught.value.attempts == fault.attempts
    for call in (lambda: llm.ainvoke("hi"), drained):
        with pytest.raises(theirs.ModelAPIError):
            await call()


def test_what_is_wrong_with_a_call_is_both_too(scripted):
    llm = RoutedChatModel(router=scripted())
    with pytest.raises(theirs.ModelInvalidRequestError, match="temperature") as caught:
        llm.invoke("hi", temprature=1)
    assert isinstance(caught.value, ours.InvalidRequestError)
    for call in (llm.invoke, lambda x, **kw: list(llm.stream(x, **kw))):
        with pytest.raises(theirs.ModelInvalidRequestError, match="'prefer'") as caught:
            call("hi", hints={"prefers": "cost"})
        assert isinstance(caught.value, ours.UnknownHintError)


def test_retry_and_fallbacks_react_to_langchains_classes(scripted):
    flaky = scripted(ours.OverloadedError("busy"), answer(TextPart("at last")))
    retrying = RoutedChatModel(router=flaky).with_retry(
        retry_if_exception_type=(theirs.ModelAPIError,),
        wait_exponential_jitter=False,
    )
    assert retrying.invoke("hi").text == "at last"
    assert len(flaky.calls) == 2
    broken = RoutedChatModel(router=scripted(ours.NoCandidateError({"a": "no tools"})))
    other = RoutedChatModel(router=scripted(answer(TextPart("the other"))))
    chain = broken.with_fallbacks([other], exceptions_to_handle=(theirs.ModelError,))
    assert chain.invoke("hi").text == "the other"
    bound = broken.with_fallbacks([other]).bind_tools([])
    assert len(bound.fallbacks) == 1, "bind_tools must reach the fallbacks"
    assert bound.invoke("hi").text == "the other"
