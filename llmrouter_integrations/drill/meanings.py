"""What faults mean: the meanings that the rows of the catalogue name."""

from __future__ import annotations

from dataclasses import replace

from llmrouter_integrations.drill.catalogue import Meaning

__all__ = [
    "DENIED",
    "EMPTY",
    "FILTERED",
    "GONE",
    "INVALID",
    "KEY",
    "LATE",
    "MALFORMED",
    "NOT_OFFERED",
    "OVERFLOW",
    "OVERLOAD",
    "QUOTA",
    "RATE",
    "RATE_TOLD",
    "REJECTED",
    "RETRY_AFTER_S",
    "SERVER",
    "STANDS",
    "TRUNCATED",
    "UNREACHED",
    "UNSUPPORTED",
    "VIOLATION",
]

RETRY_AFTER_S = 20.0
"""What a drilled provider asks for: long enough that waiting for it cannot be overlooked."""

UNREACHED = Meaning("TargetConnectionError", "target", after=2, again=True)
LATE = Meaning("TargetTimeoutError", "target", after=2)
KEY = Meaning("AuthenticationError", "quota_group", after=1, rest_s=300)
DENIED = Meaning("PermissionDeniedError", "target", after=1, rest_s=300)
GONE = Meaning("ModelNotFoundError", "target", after=1, rest_s=300)
RATE = Meaning("RateLimitedError", "quota_group", after=1, again=True)
RATE_TOLD = replace(RATE, rest_s=RETRY_AFTER_S)
QUOTA = Meaning("QuotaExhaustedError", "quota_group", after=1, rest_s=60)
OVERLOAD = Meaning("OverloadedError", "target", after=1, again=True)
SERVER = Meaning("ServerError", "target", after=3, again=True)
VIOLATION = Meaning("ProtocolViolationError", "target", after=3, again=True)
TRUNCATED = Meaning("TruncatedAnswerError", "target", after=3, again=True)
EMPTY = Meaning("EmptyAnswerError", "target", after=8, again=True, better_than_none=True)
MALFORMED = Meaning("MalformedToolCallError", "target", after=8, again=True)
NOT_OFFERED = replace(MALFORMED, better_than_none=True)
REJECTED = Meaning("RejectedAnswerError", "nothing", again=True)
INVALID = Meaning("InvalidRequestError", then="given up")
UNSUPPORTED = Meaning("UnsupportedParameterError", then="another model")
OVERFLOW = Meaning("ContextOverflowError", then="a larger window")
FILTERED = Meaning("ContentFilteredError", then="another model")
STANDS = Meaning("", then="answered")
