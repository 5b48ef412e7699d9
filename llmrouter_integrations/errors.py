"""Every error this package raises.

::

    RouterError
      ConfigurationError          the set-up is wrong; no request was sent
        MissingKeyError             a provider's API key was found nowhere
        UnknownModelError           no provider and model of that name
        UnknownHintError            a hint that does not exist, or a value it cannot take
        MissingExtraError           an optional dependency is not installed
        DatasetError                a file of labels is not as it should be
          MissingColumnError          it lacks a column
        FittedFileError             a file of a fitted predictor cannot be read or written
      NoCandidateError            the filters left nothing; .rejected says why, for each
      AttemptError                what one call to one target came to
        RequestError                the request is at fault
          InvalidRequestError         malformed, or asks for what no such model does
            UnsupportedParameterError   one parameter this target does not take
          ContextOverflowError        does not fit this window; a larger one may take it
          ContentFilteredError        refused by a safety system
        TargetError                 the target is at fault; another may answer
          AuthenticationError         the key is missing, wrong or expired
          MisconfiguredTargetError    its set-up is wrong; nothing was sent
          PermissionDeniedError       the key may not use this model
          ModelNotFoundError          the model is gone, or never was
          RateLimitedError            too fast for this quota group; see .retry_after_s
            QuotaExhaustedError         out of credit or daily quota: waiting seconds is no help
          OverloadedError             the provider has no capacity just now
          ServerError                 the provider failed
          TargetTimeoutError          .phase says which limit ran out
          TargetConnectionError       DNS, TCP, TLS, proxy, or a connection cut before an answer
          ProtocolViolationError      the answer is not what the protocol promises
            TruncatedAnswerError        the bytes ended before the answer's finish marker
            EmptyAnswerError            a finished answer with nothing in it
            MalformedToolCallError      a tool call that is not JSON, or of a tool nobody offered
            RejectedAnswerError         did not pass the check that the caller asked for
      AllTargetsFailed            .attempts: each target, error and time
      DeadlineExceeded            .attempts
      StreamInterrupted           the stream broke after content was handed on: .partial, .usage
      BudgetExceeded              .budget, .remaining_usd, .resets_at
      FeedbackError               a score that is none, or of an answer nobody gave
        UnknownDecisionError        of a decision that is not remembered, or never was

What an error means for the router's next step is stated on its class (``cools``, ``elsewhere``,
``retry_same``, ``trips_after``, ``least_cooldown_s``), so dispatch never asks which class it holds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.messages import Attempt, Response, Usage

__all__ = [
    "AllTargetsFailed",
    "AttemptError",
    "AuthenticationError",
    "BudgetExceeded",
    "ConfigurationError",
    "ContentFilteredError",
    "ContextOverflowError",
    "DatasetError",
    "DeadlineExceeded",
    "EmptyAnswerError",
    "FeedbackError",
    "FittedFileError",
    "InvalidRequestError",
    "MalformedToolCallError",
    "MisconfiguredTargetError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingKeyError",
    "ModelNotFoundError",
    "NoCandidateError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProtocolViolationError",
    "QuotaExhaustedError",
    "RateLimitedError",
    "RejectedAnswerError",
    "RequestError",
    "RouterError",
    "ServerError",
    "StreamInterrupted",
    "TargetConnectionError",
    "TargetError",
    "TargetTimeoutError",
    "TruncatedAnswerError",
    "UnknownDecisionError",
    "UnknownHintError",
    "UnknownModelError",
    "UnsupportedParameterError",
]

Cools = Literal["nothing", "target", "quota_group"]
Elsewhere = Literal["yes", "no", "bigger_window", "other_model"]
TimeoutPhase = Literal["connect", "write", "pool", "first_token", "idle", "total"]


class RouterError(Exception):
    """Root of every error of this package. Every one can be pickled, to cross processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[RouterError], args: tuple[Any, ...], state: dict[str, Any]) -> RouterError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(RouterError):
    """The set-up is wrong: a file, an argument or the environment. Nothing was sent."""


class MissingKeyError(ConfigurationError):
    """A provider's API key is neither given nor in the environment."""


class UnknownModelError(ConfigurationError):
    """No such provider, or a model written in a way that names none."""


class UnknownHintError(ConfigurationError):
    """A routing hint that does not exist, or a value it cannot take."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is absent; the message names the extra to install.

    Args:
        feature: What the caller wanted, as the sentence's subject.
        extra: The extra of this package that brings it.
        name: The missing module.
    """

    def __init__(self, feature: str, extra: str, name: str | None = None) -> None:
        ConfigurationError.__init__(
            self,
            f"{feature} needs an optional dependency"
            f"{f' ({name})' if name else ''}: pip install 'llmrouter-integrations[{extra}]'",
        )
        self.extra = extra


class DatasetError(ConfigurationError):
    """A file of labelled prompts is not as it should be; the message names file, line, column."""


class MissingColumnError(DatasetError):
    """A file of labelled prompts lacks a column; the message names those it has."""


class FittedFileError(ConfigurationError):
    """A file of a fitted predictor is absent, damaged, of another kind or of another version."""


class NoCandidateError(RouterError):
    """No configured target may serve this request.

    Args:
        rejected: Target name to the reason it was left out, for every target considered.
        detail: What the caller may change, if it is known.
    """

    def __init__(self, rejected: Mapping[str, str], detail: str = "") -> None:
        self.rejected = dict(rejected)
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.rejected.items())
        super().__init__(
            f"no target can serve this request ({reasons or 'no targets are configured'})"
            + (f". {detail}" if detail else "")
        )


class AttemptError(RouterError):
    """What one call to one target came to, as the provider or the network told it.

    Args:
        message: What was wrong, in the provider's words where it spoke. Never holds a key.
        status: HTTP status, if there was an answer.
        code: The provider's own error code or type, if it gave one.
        retry_after_s: Seconds the provider asked us to wait, if it did.
        request_id: The provider's id for the exchange, for its support.
        target: Name of the target; dispatch fills it in.
        sent: Whether the provider may have begun (and may bill) the work.

    Attributes:
        attempts: Every call made for the request, this one last; dispatch fills it in.
        answer: The finished answer that is at fault, where there is one.
    """

    cools: ClassVar[Cools] = "nothing"
    """What must rest after this: nothing, the target, or all that share its rate limit."""
    elsewhere: ClassVar[Elsewhere] = "yes"
    """Whether another target may succeed where this one did not."""
    retry_same: ClassVar[bool] = False
    """Whether the same target may succeed if asked again shortly."""
    trips_after: ClassVar[int] = 3
    """Failures in a row that send what it cools to rest; ``retry_after_s`` does so at once."""
    least_cooldown_s: ClassVar[float] = 0.0
    """Least rest, in seconds, for what does not heal by itself."""
    phase: TimeoutPhase | None = None
    """Which of the attempt's time limits ran out, if one did."""
    answer: Response | None = None
    leaves_answer: ClassVar[bool] = False
    """Whether what had come is the whole answer, if not a good one."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        target: str | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.target = target
        self.sent = sent
        self.attempts: tuple[Attempt, ...] = ()

    def __str__(self) -> str:
        said = [str(part) for part in (self.status, self.code) if part]
        where = f"{self.target}: " if self.target else ""
        return f"{where}{self.message}" + (f" [{' '.join(said)}]" if said else "")


class RequestError(AttemptError):
    """The request is at fault, not the target."""

    elsewhere: ClassVar[Elsewhere] = "no"


class InvalidRequestError(RequestError):
    """Malformed, or asks for something no such model does."""


class UnsupportedParameterError(InvalidRequestError):
    """One parameter this target does not take; another target may.

    Args:
        message: The provider's words.
        parameter: The parameter's name, where the provider named it.
        **said: See :class:`AttemptError`.
    """

    elsewhere: ClassVar[Elsewhere] = "other_model"

    def __init__(self, message: str, *, parameter: str | None = None, **said: Any) -> None:
        super().__init__(message, **said)
        self.parameter = parameter


class ContextOverflowError(RequestError):
    """The prompt, or the prompt and ``max_tokens``, do not fit this model's window."""

    elsewhere: ClassVar[Elsewhere] = "bigger_window"


class ContentFilteredError(RequestError):
    """A safety system refused the prompt or the answer; another vendor's may not."""

    elsewhere: ClassVar[Elsewhere] = "other_model"


class TargetError(AttemptError):
    """The target is at fault; another may answer the same request."""

    cools: ClassVar[Cools] = "target"


class AuthenticationError(TargetError):
    """The key is missing, wrong or expired: every target with that key is out."""

    cools: ClassVar[Cools] = "quota_group"
    trips_after: ClassVar[int] = 1
    least_cooldown_s: ClassVar[float] = 300.0


class MisconfiguredTargetError(TargetError):
    """A setting, a credential's place or an optional dependency is missing; nothing was sent.

    It costs nothing to find out again, so nothing rests, and each request is told what is wrong.
    """

    cools: ClassVar[Cools] = "nothing"


class PermissionDeniedError(TargetError):
    """The key is good but may not use this model."""

    trips_after: ClassVar[int] = 1
    least_cooldown_s: ClassVar[float] = 300.0


class ModelNotFoundError(TargetError):
    """The provider does not (any longer) serve this model, or the endpoint moved."""

    trips_after: ClassVar[int] = 1
    least_cooldown_s: ClassVar[float] = 300.0


class RateLimitedError(TargetError):
    """Requests or tokens came too fast for this quota group."""

    cools: ClassVar[Cools] = "quota_group"
    retry_same: ClassVar[bool] = True
    trips_after: ClassVar[int] = 1


class QuotaExhaustedError(RateLimitedError):
    """Out of credit, or of a daily quota: waiting seconds is no help."""

    retry_same: ClassVar[bool] = False
    least_cooldown_s: ClassVar[float] = 60.0


class OverloadedError(TargetError):
    """The provider has no capacity for this model just now (503, 529, capacity 429)."""

    retry_same: ClassVar[bool] = True
    trips_after: ClassVar[int] = 1


class ServerError(TargetError):
    """The provider failed (5xx)."""

    retry_same: ClassVar[bool] = True


class TargetTimeoutError(TargetError):
    """One of the attempt's time limits ran out.

    Args:
        message: Which limit, and its length.
        phase: ``connect``, ``write``, ``pool``, ``first_token``, ``idle`` or ``total``.
        **said: See :class:`AttemptError`.
    """

    trips_after: ClassVar[int] = 2

    def __init__(self, message: str, *, phase: TimeoutPhase = "total", **said: Any) -> None:
        super().__init__(message, **said)
        self.phase: TimeoutPhase = phase


class TargetConnectionError(TargetError):
    """DNS, TCP, TLS or proxy failure, or a connection cut before an answer."""

    retry_same: ClassVar[bool] = True
    trips_after: ClassVar[int] = 2


class ProtocolViolationError(TargetError):
    """An answer that is not what its protocol promises: HTML, broken JSON, an error in a 200."""

    retry_same: ClassVar[bool] = True


class TruncatedAnswerError(ProtocolViolationError):
    """The bytes ended before the answer's finish marker."""


class EmptyAnswerError(ProtocolViolationError):
    """A finished answer with neither text, tool call nor refusal in it."""

    # One request may bring a healthy model to this again and again: it takes many to say "broken"
    trips_after: ClassVar[int] = 8
    leaves_answer: ClassVar[bool] = True


class MalformedToolCallError(ProtocolViolationError):
    """A tool call whose arguments are not a JSON object, or of a tool that was not offered."""

    trips_after: ClassVar[int] = 8


class RejectedAnswerError(ProtocolViolationError):
    """A finished answer that did not pass the check its caller asked for (the hint ``verify``).

    That says as much of the request as of the target, so nothing rests.

    Args:
        problem: What is wrong with it.
        answer: The answer.
    """

    cools: ClassVar[Cools] = "nothing"

    def __init__(self, problem: str, *, answer: Response | None = None, **said: Any) -> None:
        super().__init__(f"the answer did not pass its check: {problem}", **said)
        self.problem = problem
        self.answer = answer


class AllTargetsFailed(RouterError):  # noqa: N818  (a public name fixed by the design)
    """Every target that could serve the request was tried, or was not worth trying again.

    Args:
        attempts: Each call made, in order, with its error and duration.
        reason: Why dispatch stopped, where that is more than running out of targets.
        retry_after_s: Seconds until the first of the targets has rested, where all of them rest.
    """

    def __init__(
        self, attempts: Sequence[Attempt], reason: str = "", *, retry_after_s: float | None = None
    ) -> None:
        self.attempts = tuple(attempts)
        self.retry_after_s = retry_after_s
        super().__init__(_tell(reason or "every target failed", self.attempts))


class DeadlineExceeded(RouterError):  # noqa: N818  (a public name fixed by the design)
    """The request's total time ran out.

    Args:
        attempts: Each call made, in order, with its error and duration.
        timeout_s: The total time the request had, in seconds.
        retry_after_s: Seconds until the first of the targets has rested, where all of them rest.
    """

    def __init__(
        self, attempts: Sequence[Attempt], timeout_s: float, *, retry_after_s: float | None = None
    ) -> None:
        self.attempts = tuple(attempts)
        self.timeout_s = timeout_s
        self.retry_after_s = retry_after_s
        super().__init__(_tell(f"no answer within {timeout_s:g} s", self.attempts))


class StreamInterrupted(RouterError):  # noqa: N818  (a public name fixed by the design)
    """A stream broke after some of its content had been handed on.

    Args:
        partial: What had arrived: ``partial.text`` is what the caller has already seen.
        cause: The fault that broke the stream.
        attempts: Each call made, in order; the broken one is last.
    """

    def __init__(
        self, partial: Response, cause: AttemptError, attempts: Sequence[Attempt] = ()
    ) -> None:
        self.partial = partial
        self.usage: Usage = partial.usage
        self.cause = cause
        self.attempts = tuple(attempts)
        super().__init__(
            f"the stream broke after {len(partial.text)} characters were handed on: {cause}"
        )


class BudgetExceeded(RouterError):  # noqa: N818  (a public name fixed by the design)
    """The request would overspend a budget. Nothing was sent.

    Args:
        budget: The budget's name.
        remaining_usd: Dollars left in its present period.
        resets_at: Unix time in seconds at which the next period begins, or None if it never does.
        needed_usd: What the request was expected to cost at the cheapest target that could serve
            it, in dollars, where that is known.
    """

    def __init__(
        self,
        budget: str,
        remaining_usd: float,
        resets_at: float | None = None,
        *,
        needed_usd: float | None = None,
    ) -> None:
        self.budget = budget
        self.remaining_usd = remaining_usd
        self.resets_at = resets_at
        self.needed_usd = needed_usd
        needs = "" if needed_usd is None else f", and this request needs about ${needed_usd:.4f}"
        until = "" if resets_at is None else f"; the next period begins at {_utc(resets_at)}"
        super().__init__(f"budget {budget!r} has ${remaining_usd:.4f} left{needs}{until}")


def _utc(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tell(reason: str, attempts: tuple[Attempt, ...]) -> str:
    told = "; ".join(f"{a.target}: {a.error or a.outcome} ({a.duration_s:.2f} s)" for a in attempts)
    return f"{reason}: {told}" if told else f"{reason}; no target was tried"


class FeedbackError(RouterError):
    """A score that is none, or of an answer that nobody gave."""


class UnknownDecisionError(FeedbackError):
    """A score of a decision that is not remembered any more, or never was."""
