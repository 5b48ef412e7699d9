"""The names that tools may bear, vendor by vendor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.messages import NativeTool

__all__ = ["ToolNames"]

_NOT_TAKEN_BY_ALL = re.compile(r"^(?=[^a-zA-Z_])|[^a-zA-Z0-9_-]")
_MOST = 64


class ToolNames:
    """What an API takes as a tool's name.

    A tool on offer keeps its name or the request is refused: answers call it by the name that was
    sent, and codecs, which hold no state, could not tell it back. A call of the past that bears
    another name (models make some up) is respelled.

    Args:
        pattern: Regular expression of the names it takes.
    """

    __slots__ = ("_fits", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._fits = re.compile(pattern).fullmatch

    def respell(self, name: str) -> str:
        """Give the name as it may stand in a history: the same one if it is taken."""
        return name if self._fits(name) else (_NOT_TAKEN_BY_ALL.sub("_", name) or "tool")[:_MOST]

    def require(self, tools: Iterable[Tool | NativeTool]) -> None:
        """Check the tools on offer.

        Raises:
            UnsupportedParameterError: One has a name that is not taken here; another API's
                rule may differ.
        """
        for tool in tools:
            if isinstance(tool, Tool) and not self._fits(tool.name):
                raise UnsupportedParameterError(
                    f"the tool name {tool.name!r} is not taken here: it must match {self.pattern}",
                    parameter="tools",
                    sent=False,
                )
