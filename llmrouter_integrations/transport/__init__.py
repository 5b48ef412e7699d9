"""HTTP for wire targets: the only place that knows httpx.

A :class:`Transport` takes an :class:`~llmrouter_integrations.http_messages.HttpRequest` and the
attempt's :class:`Limits`, and gives an answer or one of this package's errors. What carries the
bytes is an httpx transport, so a user's own (a recorder, a fault injector, an ASGI app) fits in.
Which one by default, and why: docs/transport.md.
"""

from llmrouter_integrations.transport.client import Transport
from llmrouter_integrations.transport.limits import Limits
from llmrouter_integrations.transport.stream import HttpStream

__all__ = ["HttpStream", "Limits", "Transport"]
