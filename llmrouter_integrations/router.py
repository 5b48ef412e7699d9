"""The core as applications use it: :class:`Router`."""

from __future__ import annotations

import asyncio
import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from llmrouter_integrations.budgeting import Budgets
from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.dispatch.drive import Dispatcher
from llmrouter_integrations.dispatch.plan import (
    DispatchSettings,
    Plan,
    Settle,
)
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.fleet import Fleet, discover
from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.learning import Learning
from llmrouter_integrations.planning import Planner
from llmrouter_integrations.routing.explore import Explorer
from llmrouter_integrations.routing.hysteresis import Incumbents
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.routing.prospects import Prospects
from llmrouter_integrations.routing.stickiness import session_key
from llmrouter_integrations.routing.task_model import shipped
from llmrouter_integrations.settling import Settler
from llmrouter_integrations.state.memory import MemoryState
from llmrouter_integrations.transport import Transport
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from llmrouter_integrations.config import TargetConfig
    from llmrouter_integrations.hints import Prefer
    from llmrouter_integrations.messages import Chunk, Message, Request, Response
    from llmrouter_integrations.routing.allowance import Balance
    from llmrouter_integrations.routing.decision import Decision
    from llmrouter_integrations.routing.judge import Predictor
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import StateStore

    Hints = RoutingHints | Mapping[str, Any] | None
    Named = str | TargetConfig | Mapping[str, Any]
    Messages = str | Iterable[Message | Mapping[str, Any]]

__all__ = ["Router"]


class Router:
    """Answers each request from the model that is worth most for it, failing over when it fails.

    One router serves all threads and event loops; make it once and share it.

    Args:
        models: Targets: ``"provider/model"``, a :class:`TargetConfig` or a mapping of its fields,
            or a :class:`BoundTarget`.
            None, and no ``config``: models of every provider whose key is in the environment.
        config: Everything at once; then ``models`` and ``settings`` are not given.
        state: Where health is remembered; share one between routers that share targets.
        predictor: The path of what ``llmrouter fit`` wrote; or whoever knows how well models
            answer a prompt, and then goes before the configured file.
        transport: Who carries the bytes; for tests, and for HTTP settings of one's own.
        env: Where keys and endpoints are looked up; the process's environment unless given.
        keys_required: False: targets without a key are kept, for :meth:`explain` alone.
        **settings: Fields of :class:`RouterConfig`.

    Raises:
        ConfigurationError: A setting, a model name or a key is missing or wrong; says which.
    """

    def __init__(
        self,
        models: Sequence[Named] | Named | None = None,
        *,
        config: RouterConfig | Mapping[str, Any] | str | Path | None = None,
        state: StateStore | None = None,
        predictor: Predictor | str | os.PathLike[str] | None = None,
        transport: Transport | None = None,
        env: Mapping[str, str] | None = None,
        keys_required: bool = True,
        **settings: Any,
    ) -> None:
        if isinstance(predictor, str | os.PathLike):
            settings["predictor"], predictor = os.fspath(predictor), None
        if config is not None and (models is not None or settings):
            raise ConfigurationError("give either config, or models and settings, not both")
        self.config = (
            RouterConfig.of(models, **settings) if config is None else RouterConfig.read(config)
        )
        env = os.environ if env is None else env
        self._owns_transport = transport is None
        self._transport = transport or Transport(
            http=self.config.http, proxy=self.config.proxy, verify=self.config.verify
        )
        catalog = Catalog.load()
        fleet = Fleet.assemble(
            discover(catalog, env, keys_required=keys_required)
            if self.config.models is None
            else self.config.models,
            self._transport,
            catalog=catalog,
            env=env,
            keys_required=keys_required,
        )
        self.targets: tuple[Target, ...] = fleet.targets
        self._prospects = Prospects(fleet.targets)
        shipped()  # the first request would wait for it, maybe in an event loop
        self._hints = RoutingHints.of(self.config.hints)
        self._clock: Callable[[], float] = time.monotonic
        self._rng = random.Random()  # noqa: S311  (spreads load, guards nothing)
        self.state: StateStore = state or MemoryState(
            cooldown_s=self.config.cooldown_s, max_cooldown_s=self.config.max_cooldown_s
        )
        self._budgets = (
            Budgets(self.config.budgets, self.targets, self.state) if self.config.budgets else None
        )
        self._learning = Learning(
            self.config, self.targets, self.state.feedback, predictor=predictor
        )
        self._incumbents = Incumbents(self.config.hysteresis) if self.config.hysteresis else None
        self._explorer = (
            Explorer(self.config.explore, self._rng) if self.config.explore is not None else None
        )
        self._planner = Planner(self.config, fleet, self.state)
        self._settling = Settler(self.targets, self.state, self._learning, self._clock)
        self._dispatcher = Dispatcher(
            backends=fleet.backends,
            state=self.state,
            settings=DispatchSettings(
                max_retries=self.config.max_retries,
                timeout_s=self.config.timeout_s,
                first_token_timeout_s=self.config.first_token_timeout_s,
            ),
            clock=self._clock,
            rng=self._rng,
        )

    @classmethod
    def from_config(
        cls, source: RouterConfig | Mapping[str, Any] | str | Path, **arguments: Any
    ) -> Self:
        """Build from a configuration, or from the path of a YAML file.

        Args:
            source: A configuration, or a path; see :meth:`RouterConfig.load`.
            **arguments: ``state``, ``predictor``, ``transport`` or ``env``, as for the class.
        """
        return cls(config=RouterConfig.read(source), **arguments)

    # -- what applications call ---------------------------------------------------------------

    def complete(self, messages: Messages, *, hints: Hints = None, **params: Any) -> Response:
        """Get a whole answer.

        Args:
            messages: OpenAI-style dicts, :class:`Message` objects, or one user message's text.
            hints: What to say about the request; see :class:`RoutingHints`.
            **params: As in OpenAI's chat completions: ``temperature``, ``tools``,
                ``response_format``, ``max_tokens``, ...

        Raises:
            NoCandidateError: No target may serve this request.
            BudgetExceeded: A budget has too little left for it. Nothing was sent.
            RequestError: The request is at fault.
            AllTargetsFailed: Every target that could serve it failed.
            DeadlineExceeded: Its total time ran out.
        """
        return self.run(request_from(messages, params), RoutingHints.of(hints))

    async def acomplete(
        self, messages: Messages, *, hints: Hints = None, **params: Any
    ) -> Response:
        """Get a whole answer; as :meth:`complete`."""
        return await self.arun(request_from(messages, params), RoutingHints.of(hints))

    def stream(self, messages: Messages, *, hints: Hints = None, **params: Any) -> Iterator[Chunk]:
        """Get an answer in chunks; the last one's ``response`` is the whole answer.

        Raises:
            StreamInterrupted: The answer broke off after some of it had been handed on.
            RouterError: As :meth:`complete`.
        """
        return self.run_stream(request_from(messages, params), RoutingHints.of(hints))

    def astream(
        self, messages: Messages, *, hints: Hints = None, **params: Any
    ) -> AsyncIterator[Chunk]:
        """Get an answer in chunks; as :meth:`stream`."""
        return self.arun_stream(request_from(messages, params), RoutingHints.of(hints))

    def explain(self, messages: Messages, *, hints: Hints = None, **params: Any) -> Decision:
        """Decide, and call nobody: every candidate, its parts, and why the others lost.

        Raises:
            NoCandidateError: No target may serve this request.
            ContextOverflowError: It fits no target's window.
        """
        return self.decide(request_from(messages, params), RoutingHints.of(hints))

    # -- what users say of the answers ---------------------------------------------------------

    def feedback(self, decision_id: str, score: float, *, target: str | None = None) -> None:
        """Say how good an answer was; from the next decision on it counts.

        A later score of the same answer replaces the earlier. The last 10,000 answers can be
        judged. See docs/feedback.md.

        Args:
            decision_id: ``response.decision.id``; in LangChain's and LlamaIndex's answers,
                ``response_metadata["llmrouter"]["decision_id"]``.
            score: True or false, or 0 (useless) to 1 (as good as can be).
            target: Whose answer, where several answered; the one that answered last unless given.

        Raises:
            UnknownDecisionError: It is not remembered any more, or never was.
            FeedbackError: The score is none, or the target gave no answer.
        """
        self._learning.judge(decision_id, score, target)

    def evidence(self) -> dict[str, Any]:
        """Give what scores taught, in plain JSON types, for :meth:`load_evidence`."""
        return self._learning.evidence()

    def load_evidence(self, evidence: Mapping[str, Any]) -> int:
        """Go on from what another router, or an earlier run, had been taught.

        What this one was taught is replaced. Where that was measured against another fitted
        predictor than this router's, it is left out for the models the predictor knows: their
        scores are taken to be among its labels, and would count twice.

        Args:
            evidence: As :meth:`evidence` gives it.

        Returns:
            Of how many targets something was read.

        Raises:
            ConfigurationError: It is no evidence.
        """
        return self._learning.load(evidence)

    def labels(self) -> list[dict[str, Any]]:
        """Give the judged answers among those remembered, as rows for ``llmrouter fit``.

        Returns:
            A row for each prompt that was kept (``keep_prompts``) and each target that answered
            it: ``prompt``, ``task``, ``model`` (the target's name), ``quality`` and ``cost_usd``,
            which are means where it answered more than once.
        """
        return self._learning.labels()

    # -- what the frameworks' faces call ------------------------------------------------------

    def run(self, request: Request, hints: RoutingHints = EMPTY) -> Response:
        """Get a whole answer to a :class:`Request`; as :meth:`complete`."""
        decision = self.decide(request, hints, sends=True)
        plan = self._plan(request, decision, streamed=False)
        return self._dispatcher.complete(request, plan, self._settler(request, decision))

    async def arun(self, request: Request, hints: RoutingHints = EMPTY) -> Response:
        """Get a whole answer to a :class:`Request`; as :meth:`complete`."""
        decision = self.decide(request, hints, sends=True)
        plan = self._plan(request, decision, streamed=False)
        return await self._dispatcher.acomplete(request, plan, self._settler(request, decision))

    def run_stream(self, request: Request, hints: RoutingHints = EMPTY) -> Iterator[Chunk]:
        """Get the answer to a :class:`Request` in chunks; as :meth:`stream`."""
        decision = self.decide(request, hints, sends=True)
        plan = self._plan(request, decision, streamed=True)
        return self._dispatcher.stream(request, plan, self._settler(request, decision))

    def arun_stream(self, request: Request, hints: RoutingHints = EMPTY) -> AsyncIterator[Chunk]:
        """Get the answer to a :class:`Request` in chunks; as :meth:`stream`."""
        decision = self.decide(request, hints, sends=True)
        plan = self._plan(request, decision, streamed=True)
        return self._dispatcher.astream(request, plan, self._settler(request, decision))

    def decide(
        self, request: Request, hints: RoutingHints = EMPTY, *, sends: bool = False
    ) -> Decision:
        """Choose the targets for a :class:`Request`; as :meth:`explain`.

        Args:
            request: What is asked.
            hints: What the caller says of it.
            sends: Whether it will be sent, and the choice is to be remembered.
        """
        config = self.config
        prefer: Prefer = config.prefer
        hints = hints.over(self._hints)
        now = self._clock()
        session = self._session(hints)
        return decide(
            request,
            hints,
            self.targets,
            self.state.snapshot(),
            now=now,
            policy=config.policy,
            prefer=prefer,
            value_usd=config.value_usd,
            rng=self._rng,
            balance=config.balance,
            stay=None if session is None else self.state.session(session, now),
            allowance=None if self._budgets is None else self._budgets.allowance(hints),
            expectations=self._learning.expectations,
            incumbents=self._incumbents,
            explorer=self._explorer,
            sends=sends,
            prospects=self._prospects,
        )

    def balances(self, hints: Hints = None) -> tuple[Balance, ...]:
        """Say how the budgets stand that a request counts against.

        Args:
            hints: The request's: its ``tenant`` and ``tags`` are what budgets look at.
        """
        said = RoutingHints.of(hints).over(self._hints)
        allowance = None if self._budgets is None else self._budgets.allowance(said)
        return () if allowance is None else tuple(allowance.balances)

    # -- inside -------------------------------------------------------------------------------

    def _plan(self, request: Request, decision: Decision, *, streamed: bool) -> Plan:
        holds = None
        if self._budgets is not None:
            holds = self._budgets.holds(decision, partial(self._settling.cost_so_far, decision))
        handed_on = partial(self._learning.handed_on, decision.id)
        return self._planner.plan(
            request, decision, streamed=streamed, holds=holds, handed_on=handed_on
        )

    def _settler(self, request: Request, decision: Decision) -> Settle:
        return self._settling.of(request, decision, self._session(decision.hints))

    def _session(self, hints: RoutingHints) -> str | None:
        """The key of the request's session, where sessions are kept together."""
        config = self.config
        if config.policy == "ordered" and config.balance is None:
            return None
        return session_key(hints)

    # -- life ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections this router made. It can be used again."""
        self._dispatcher.close()
        if self._owns_transport:
            self._transport.close()

    async def aclose(self) -> None:
        """Close the connections this router made, those of the running event loop included."""
        await asyncio.to_thread(self._dispatcher.close)
        if self._owns_transport:
            await self._transport.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Router({', '.join(t.name for t in self.targets)}; policy={self.config.policy!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # frameworks deep-copy what holds a router; its health and connections are to be shared
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # keys stay behind (see TargetConfig.__getstate__) and are found in the environment again
        return (_rebuild, (type(self), self.config))


def _rebuild(cls: type[Router], config: RouterConfig) -> Router:
    return cls(config=config)
