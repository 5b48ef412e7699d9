"""How long a provider asked us to wait: headers of every fashion, or words in the body."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.wire.error_body import Said

__all__ = ["duration_s", "retry_after_s"]

_RESETS: Final = (
    # (what remains, when it is full again)
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"),
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_EPOCH_S: Final = 1e9
"""No wait is that long: a larger figure is a Unix time."""


def retry_after_s(http: HttpResponse, said: Said) -> float | None:
    """Give the seconds to wait, or None if the answer names none.

    ``retry-after-ms`` and ``retry-after`` (seconds or an HTTP date) go before the body, and the
    body before the reset time of a limit of which nothing remains. Dates are measured against the
    answer's own ``date`` where it has one, so that a wrong clock here does no harm.
    """
    headers = http.headers
    millis = _number(headers.get("retry-after-ms"))
    if millis:
        # azure sends 0 here beside a true retry-after
        return millis / 1000
    after = headers.get("retry-after")
    if after is not None and (wait := _moment(after, headers)) is not None:
        return wait
    if said.retry_after_s is not None:
        return said.retry_after_s
    waits = []
    for source in (headers, said.headers):
        for remaining, reset in _RESETS:
            if reset in source and _number(source.get(remaining)) == 0:
                waits.append(_moment(source[reset], headers))
    return max([wait for wait in waits if wait is not None], default=None)


def duration_s(text: str) -> float | None:
    """Read ``6m0s``, ``2ms``, ``48.9s`` or ``1h2m``: seconds, or None if it is none of that."""
    pieces = _DURATION.findall(text)
    if not pieces or "".join([number + unit for number, unit in pieces]) != text:
        return None
    return sum([float(number) * _UNIT_S[unit] for number, unit in pieces])


def _moment(text: str, headers: Mapping[str, str]) -> float | None:
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_S * 1000:
            number /= 1000
        return number if number < _EPOCH_S else max(0.0, number - _now(headers))
    wait = duration_s(text)
    if wait is not None:
        return wait
    at = _date(text)
    return None if at is None else max(0.0, at - _now(headers))


def _now(headers: Mapping[str, str]) -> float:
    told = _date(headers.get("date", ""))
    return time.time() if told is None else told


def _date(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = parse(text)
        except ValueError:
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    # nan and negative figures ask for nothing
    return number if number >= 0 else None
