"""Where in somebody's code an exception arose, as its traceback tells.

An integration that cannot write a request down fails before anything is sent, with the same kinds
of exception as one that cannot read an answer. Only the functions it was in tell the two apart, and
only their files tell a fault of the program's own from one of an installed package.
"""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

__all__ = ["is_the_programs_own", "while_writing"]

_WRITERS: Final = re.compile(
    r"""
      request_payload | encode_request | to_request_dict | transform_re(?:quest|cursive)
    | prepare_(?:params|chat) | (?:chat|converse)_params
    | responses_api_(?:payload|input) | parse_chat_history | convert_input
    | format_(?:messages|message_content) | messages?_to_(?!message)
    | (?:create|to_openai|responses)_message_dicts?$
    | to_(?!message)\w*(?:messages|chatmessage|chunks|parts|blocks|contents?)$
    """,
    re.VERBOSE,
)
"""Functions that write requests, as the integrations of LangChain and LlamaIndex and the SDKs
beneath them name them; none that reads an answer is named like this."""

_INSTALLED: Final = re.compile(r"[/\\](?:site|dist)-packages[/\\]|^<frozen ")
_HOMES: Final = (
    str(Path(__file__).parents[1]),
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
)


def while_writing(error: BaseException) -> bool:
    """Whether it arose where a request was being written: nothing of that had been sent."""
    return any(_WRITERS.search(code.co_name.lower()) for code in _codes(error))


def is_the_programs_own(error: BaseException) -> bool:
    """Whether the program's own code raised it, and no installed package; True if unknown."""
    *_, innermost = ("", *[code.co_filename for code in _codes(error)])
    return not (innermost.startswith(_HOMES) or _INSTALLED.search(innermost))


def _codes(error: BaseException) -> Iterator[CodeType]:
    """Walk what was running, the innermost last."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next
