"""The selector as a LangChain decision model: :class:`RouterDecisionModel`.

LangChain has decision models from langchain-core 1.8 on; its ``ModelRouterMiddleware`` asks one
which of an agent's models is to serve a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import BaseMessage, convert_to_messages
from pydantic import Field

from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError, MissingExtraError
from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.langchain.to_request import to_request
from llmrouter_integrations.routing.explore import Arm, highest
from llmrouter_integrations.routing.judge import spread

try:
    from langchain_core.decisions import BaseDecisionModel, ChoiceAnswer, ClassifierResponse
except ModuleNotFoundError as error:
    raise MissingExtraError(
        "RouterDecisionModel", "langchain", "langchain_core.decisions, in langchain-core>=1.8"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.router import Router
    from llmrouter_integrations.routing.decision import Decision

__all__ = ["RouterDecisionModel"]

MOST_COMPARED: Final = 6
"""Of how many targets it is worked out how likely each is worth most; the others get 0."""


class RouterDecisionModel(BaseDecisionModel):  # type: ignore[misc, unused-ignore]  # Any under langchain-core<1.8
    """Answers ``Choice`` questions whose labels stand for a router's targets. It calls no model.

    The choice is the target that is worth most for what is in the state. Its probabilities say how
    likely each is to be that, as uncertain as their quality is; the confidence is that of the
    choice. Instructions and criteria are not read.

    Args:
        router: Who decides.
        routes: Label to a target's name, ``provider/model`` or bare model name. A label that is
            not in it names its target itself.
        hints: What to say about every request; see :class:`RoutingHints`.
    """

    router: Any = Field(exclude=True, repr=False)
    routes: dict[str, str] = Field(default_factory=dict)
    hints: dict[str, Any] = Field(default_factory=dict)
    model: str = "llmrouter"

    @property
    def _provider(self) -> str:
        return "llmrouter"

    def _classify(self, state: Any, questions: dict[str, Any]) -> ClassifierResponse:
        """Answer questions, each which of several models is to serve the state."""
        messages = _messages(state)
        answers = {name: self._answer(messages, name, asked) for name, asked in questions.items()}
        return ClassifierResponse(model=self.model, answers=answers)

    async def _aclassify(self, state: Any, questions: dict[str, Any]) -> ClassifierResponse:
        """Answer questions; as :meth:`_classify`, for it waits for nobody."""
        return self._classify(state, questions)

    def _answer(self, messages: list[BaseMessage], name: str, question: Any) -> ChoiceAnswer:
        if question.type != "choice":
            raise InvalidRequestError(
                f"question {name!r}: a router answers which model to use: ask a Choice, "
                f"not a {type(question).__name__}"
            )
        labels: dict[str, str] = {}  # target to the first label that stands for it
        for label in question.criteria:
            for target in self._meant(label):
                labels.setdefault(target, label)
        said = RoutingHints.of(self.hints) if self.hints else EMPTY
        router: Router = self.router
        hints = RoutingHints.of({**said.as_dict(), "models": tuple(labels)})
        decision = router.decide(to_request(messages, {}), hints)
        odds = dict.fromkeys(question.criteria, 0.0)
        for target, chance in _chances(decision):
            odds[labels[target]] += chance
        choice = labels[decision.plan[0]]
        return ChoiceAnswer(
            type="choice", choice=choice, probabilities=odds, confidence=min(1.0, odds[choice])
        )

    def _meant(self, label: str) -> list[str]:
        """Give the names of the targets that a label stands for."""
        wanted = self.routes.get(label, label)
        targets = self.router.targets
        exact = [target.name for target in targets if target.name == wanted]
        folded = wanted.casefold()
        found = exact or [target.name for target in targets if folded in target.spellings]
        if not found:
            raise ConfigurationError(
                f"label {label!r} stands for no target: give routes={{{label!r}: ...}}, one of "
                + ", ".join(target.name for target in targets)
            )
        return found


def _messages(state: Any) -> list[BaseMessage]:
    """Read a state: a text, a message, several, or an agent's state with ``messages``.

    Raises:
        InvalidRequestError: It is none of these.
    """
    if isinstance(state, dict) and "messages" in state:
        state = state["messages"]
    if isinstance(state, str | BaseMessage):
        state = [state]
    if not isinstance(state, list | tuple) or not state:
        raise InvalidRequestError(
            "a router decides on text or messages: a string, a message, a list of messages, or "
            f'{{"messages": [...]}}, not {type(state).__name__}'
        )
    return convert_to_messages(list(state))


def _chances(decision: Decision) -> Sequence[tuple[str, float]]:
    """Give how likely each target is worth most, among those that can be asked at once."""
    able = [s for s in decision.ranked if s.deferred is None] or list(decision.ranked)
    able = able[:MOST_COMPARED]
    if len(able) == 1:
        return [(able[0].target.name, 1.0)]
    value = decision.value_usd
    arms = [
        Arm(
            scored.target.name,
            scored.utility_usd * decision.price_of_money,
            max(1e-12, value * spread(decision.judge, scored.target, decision.features)),
            0.0,
        )
        for scored in able
    ]
    found = [highest(arms, place) for place in range(len(arms))]
    total = sum(found)
    return [(arm.target, chance / total) for arm, chance in zip(arms, found, strict=True)]
