"""An HTTP request and its whole answer, as plain values.

``wire`` writes and reads them, ``transport`` carries them, and neither imports the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpRequest", "HttpResponse", "url_without_secrets"]

_USERINFO = re.compile(r"//[^/?#]*@")
_QUERY_VALUE = re.compile(r"([?&][^=&#]*=)[^&#]*")


def url_without_secrets(url: str) -> str:
    """The URL as it may be shown: without user and password, and with query values masked.

    Keys belong in headers, but a proxy carries a password and a gateway may take ``?key=``.
    """
    return _QUERY_VALUE.sub(r"\1***", _USERINFO.sub("//***@", url))


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """One HTTP request, whole.

    Its repr shows neither header values, query values nor the body: they hold keys and prompts.

    Args:
        method: ``GET``, ``POST`` and so on.
        url: Absolute ``http`` or ``https`` URL. Keys belong in ``headers``, never here.
        headers: Names and values in the order to send; ``host`` and ``content-length`` are added.
        body: The bytes to send; empty for none.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {url_without_secrets(self.url)})"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP answer, read to its end.

    Args:
        status: HTTP status code. A redirect is an answer like any other: none is followed.
        headers: Lower-cased names to values; values of a repeated name are joined by ``, ``.
        body: The whole body, content-encoding undone.
        elapsed_s: Seconds from handing over the request to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    elapsed_s: float = 0.0
