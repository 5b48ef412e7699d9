"""A provider simulator and a fault-injecting transport, for our tests and for users' own.

:class:`ProviderSimulator` speaks the providers' protocols over real HTTP on loopback, with
scripted answers and faults. :class:`FaultTransport` breaks any httpx client's connections on
schedule. Neither needs a key, a network or pytest (``.fixtures`` has the pytest fixtures).

The simulator shares no code with the router's own protocol readers, so each checks the other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmrouter_integrations.testing.brain import Brain
    from llmrouter_integrations.testing.faults import Fault, Step
    from llmrouter_integrations.testing.script import Citation, Reply, SimRequest, ToolCall
    from llmrouter_integrations.testing.simulator import ProviderSimulator
    from llmrouter_integrations.testing.transport import FaultTransport, TransportFault

_HOMES = {
    "Brain": "brain",
    "Citation": "script",
    "Fault": "faults",
    "FaultTransport": "transport",
    "ProviderSimulator": "simulator",
    "Reply": "script",
    "SimRequest": "script",
    "Step": "faults",
    "ToolCall": "script",
    "TransportFault": "transport",
}

__all__ = [
    "Brain",
    "Citation",
    "Fault",
    "FaultTransport",
    "ProviderSimulator",
    "Reply",
    "SimRequest",
    "Step",
    "ToolCall",
    "TransportFault",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
