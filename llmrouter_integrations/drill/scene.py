"""A configuration whose targets are played by simulated providers: :class:`SimulatedScene`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from llmrouter_integrations.config import BoundTarget, RouterConfig, TargetConfig
from llmrouter_integrations.drill.answers import prompt
from llmrouter_integrations.drill.judging import judged
from llmrouter_integrations.drill.remote import RemoteStage
from llmrouter_integrations.drill.stage import Stage, key_of, name_of
from llmrouter_integrations.errors import ConfigurationError, StreamInterrupted
from llmrouter_integrations.fleet import protocol_of, quota_group
from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.router import Router
from llmrouter_integrations.transport import Transport
from llmrouter_integrations.wire import registry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from llmrouter_integrations.drill.calling import Heard
    from llmrouter_integrations.drill.catalogue import FaultRow
    from llmrouter_integrations.drill.judging import Outcome
    from llmrouter_integrations.routing.target import Target

__all__ = ["Scene", "SimulatedScene", "built_in", "simulated"]

_PROVIDERS = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "cohere": "cohere",
    "bedrock": "bedrock",
}


class Scene(Protocol):
    """Where a drill takes place: targets that can be made to fail, and what is known of them."""

    @property
    def targets(self) -> Sequence[Target]:
        """The targets, in the order configured."""
        ...

    def refuses(self, row: FaultRow, faulty: Collection[str], *, streamed: bool) -> str:
        """Say why this fault cannot happen to these targets; empty where it can."""
        ...

    def router(
        self, row: FaultRow | None, faulty: Collection[str], *, way: int | None = None
    ) -> Router:
        """Give a router that knows of nothing yet, over targets to which this happens.

        Args:
            row: What happens; None: nothing.
            faulty: Names of the targets that it happens to.
            way: Which of its ways; None: one after the other.
        """
        ...

    def calls(self) -> Mapping[str, int]:
        """Count the calls that each target received since the last router was given."""
        ...

    def prompt(self, number: int) -> str:
        """Give the words of a request."""
        ...

    def judged(self, heard: Heard, row: FaultRow) -> Outcome:
        """Say what came of a request."""
        ...


def built_in(protocol: str = "openai-chat") -> RouterConfig:
    """Give the configuration that is drilled where none is given: two targets, in order.

    The first is asked over ``protocol``, the other over another one; its window is larger.
    """
    other = "anthropic" if protocol != "anthropic" else "openai-chat"
    return RouterConfig(
        models=(
            TargetConfig(
                model=f"{_PROVIDERS[protocol]}/drill-first",
                name="first",
                protocol=protocol,
                context_window=8_000,
            ),
            TargetConfig(
                model=f"{_PROVIDERS[other]}/drill-second",
                name="second",
                protocol=other,
                context_window=200_000,
            ),
        ),
        policy="ordered",
    )


class SimulatedScene:
    """A configuration whose targets are simulated; see :class:`Scene`.

    What is configured stays as it is, but for addresses, keys and time limits.

    Args:
        config: What is drilled.
        stage: The simulated providers, started.
        patience_s: The limits on silence, in seconds; a request may take four times as long. None:
            as configured.

    Raises:
        ConfigurationError: It names no targets, or one that is a model object of the caller's own.
    """

    def __init__(
        self, config: RouterConfig, stage: Stage | RemoteStage, *, patience_s: float | None
    ) -> None:
        bound = [t.name for t in config.models or () if isinstance(t, BoundTarget)]
        if not config.models or bound:
            raise ConfigurationError(
                f"a model object of one's own cannot be simulated: {', '.join(bound)}"
                if bound
                else "a drill needs a configuration that names its targets under `models`"
            )
        self._config = config.model_copy(update=_times(patience_s))
        self._stage = stage
        self._transport = Transport(http=config.http, trust_env=False)
        self._parts = {
            target.name: _Part.of(target, number) for number, target in enumerate(config.models)
        }
        self.targets: tuple[Target, ...] = self.router(None, ()).targets

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def refuses(self, row: FaultRow, faulty: Collection[str], *, streamed: bool) -> str:
        """Say why this fault cannot happen to these targets; empty where it can."""
        protocols = {self._parts[name].protocol for name in faulty}
        unable = sorted(p for p in protocols if not row.can_show(p, streamed=streamed))
        return f"{' and '.join(unable)} cannot show it" if unable else ""

    def router(
        self,
        row: FaultRow | None,
        faulty: Collection[str],
        *,
        way: int | None = None,
        fields: Mapping[str, Any] = EMPTY_MAP,
        settings: Mapping[str, Any] = EMPTY_MAP,
    ) -> Router:
        """Give a router that knows of nothing yet, over targets to which this happens.

        Args:
            row: What happens; None: nothing.
            faulty: Names of the targets that it happens to.
            way: Which of its ways; None: one after the other.
            fields: Fields that all targets have besides.
            settings: Further settings of the configuration.
        """
        name = row.name if row is not None else ""
        play = self._stage.play(name, [self._parts[target].number for target in faulty], way)
        place = row.way if row is not None and isinstance(row.way, str) else ""
        models = tuple(
            part.played(
                self._stage.url(part.provider, place if target in faulty else ""), play, fields
            )
            for target, part in self._parts.items()
        )
        config = self._config.model_copy(update={**settings, "models": models})
        return Router(config=config, transport=self._transport, env={})

    def calls(self) -> Mapping[str, int]:
        """Count the calls that each target received since the last router was given."""
        received = self._stage.calls()
        return {name: received.get(part.number, 0) for name, part in self._parts.items()}

    def connections(self) -> int:
        """Count the connections that the providers have open."""
        return self._stage.connections()

    def prompt(self, number: int) -> str:
        """Give the words of a request."""
        return prompt(number)

    def judged(self, heard: Heard, row: FaultRow) -> Outcome:
        """Say what came of a request."""
        answer = heard.response
        if isinstance(heard.error, StreamInterrupted):
            answer = heard.error.partial
        part = self._parts.get(answer.target) if answer is not None else None
        return judged(heard, row, name_of(part.number) if part is not None else "")


@dataclass(frozen=True, slots=True)
class _Part:
    """A target, and what it needs to be played."""

    target: TargetConfig
    number: int
    provider: str
    protocol: str
    group: str

    @classmethod
    def of(cls, target: TargetConfig, number: int) -> _Part:
        info = registry.provider(target.provider)
        provider = info.id if info is not None else target.provider
        key = target.api_key.get_secret_value() if target.api_key else target.api_key_env
        return cls(
            target,
            number,
            provider,
            target.protocol or protocol_of(target, info, os.environ),
            target.quota_group or quota_group(provider, target.base_url, key),
        )

    def played(self, base_url: str, play: int, fields: Mapping[str, Any]) -> TargetConfig:
        """Give the target as it is played: its address and key are the stage's, it is one."""
        return self.target.model_copy(
            update={
                "base_url": base_url,
                "api_key": SecretStr(key_of(self.number, play)),
                "api_key_env": None,
                "headers": {},
                "protocol": self.protocol,
                "quota_group": self.group,
                "efforts": None,  # what fails does so at every effort alike
                **fields,
            }
        )


@contextmanager
def simulated(
    config: RouterConfig | None = None,
    *,
    protocol: str = "openai-chat",
    patience_s: float | None = 0.5,
    in_process: bool = False,
) -> Iterator[SimulatedScene]:
    """Set up a simulated scene, and take it down.

    Args:
        config: What is drilled; None: the built-in pair of targets.
        protocol: The protocol of the built-in pair's first target.
        patience_s: As :class:`SimulatedScene` takes it.
        in_process: Whether the providers run in this process, which is quick to start but takes
            of the client's time; otherwise they have one of their own.
    """
    with Stage() if in_process else RemoteStage() as stage:
        scene = SimulatedScene(config or built_in(protocol), stage, patience_s=patience_s)
        try:
            yield scene
        finally:
            scene.close()


def _times(patience_s: float | None) -> dict[str, Any]:
    if patience_s is None:
        return {}
    return {
        "timeout_s": 4 * patience_s,
        "first_token_timeout_s": patience_s,
        "idle_timeout_s": patience_s,
        "cooldown_s": patience_s / 5,
    }
