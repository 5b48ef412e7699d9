"""Tell the kind of work from the words of a request, and how hard it looks.

The words are read by the classifier of :mod:`~.task_model`. What the user wrote last decides; a
system prompt that sets a job for whatever comes next ("Translate all you are given") counts as much
as the user's words, and an earlier turn helps out where the last one does not say ("and in
French?"). Where nothing is sure the task is left to the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.routing.task_model import TaskOpinion, opinion_of, shipped

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Message

__all__ = [
    "DEFAULT",
    "SURE",
    "Said",
    "TaskTold",
    "difficulty_of",
    "said_in",
    "task_from_words",
    "task_probabilities",
]

DEFAULT = "chat"
SURE = 0.25
"""Below this the default is as likely to be right, on sources the classifier was not trained on:
docs/tasks.md."""
LIKELY = 0.5
"""A task that is likelier than all others together is taken for it; else what is expected of a
target is averaged over the tasks that may be meant. Averaging more often, from 0.7 or 0.9 down,
had more paraphrases change the choice (`python benchmarks/routing.py`, by hand)."""
_MOST_ODDS = 3
_LEAST_ODDS = 0.05
_STRUCTURED_SURE = 0.6
"""Where the answer must have a form, extraction is what is asked unless the words say otherwise."""
_SYSTEM_SURE = 0.6
_STANDING = frozenset(
    ["translation", "classification", "extraction", "summarization", "code", "math"]
)
"""Jobs a system prompt sets; that it speaks of stories or of chat is most often its manner."""
_SYSTEM_WEIGHT = 1.5
_EARLIER_WEIGHT = 1.5
_FOLLOW_UP_CHARS = 60
"""A turn no longer than this may lean on the one before."""
_EDGE_CHARS = 300
LONG_PROMPT_TOKENS = 2_000
_HARD = (
    "prove proof optimize optimise concurrent distributed architecture derive rigorous complex "
    "olympiad theorem tradeoffs design analyze analyse carefully multi step edge cases"
)
_HARD_WORDS = frozenset(_HARD.split())
_BASE_DIFFICULTY = {
    "code": 0.55,
    "math": 0.6,
    "reasoning": 0.6,
    "extraction": 0.3,
    "summarization": 0.3,
    "qa": 0.35,
    "translation": 0.3,
    "creative": 0.4,
    "chat": 0.3,
    "classification": 0.2,
    "tool_use": 0.5,
    "vision": 0.5,
    "long_context": 0.6,
}


class Said(NamedTuple):
    """What a conversation says of the task.

    Attributes:
        asked: The last the user wrote.
        earlier: What the user wrote before that.
        system: The system prompt.
    """

    asked: str
    earlier: str
    system: str


def said_in(messages: tuple[Message, ...]) -> Said:
    """Find what a conversation says of the task."""
    asked = earlier = system = ""
    for message in messages:
        if message.role == "user":
            if text := message.text.strip():
                asked, earlier = text, asked
        elif message.role in ("system", "developer"):
            system = message.text.strip() or system
    return Said(asked, earlier, system)


def _opinion(said: Said) -> TaskOpinion:
    """Weigh what was asked with what was said before."""
    model = shipped()
    found = opinion_of(said.asked)
    if said.system:
        standing = opinion_of(said.system)
        if standing.probability > _SYSTEM_SURE and standing.task in _STANDING:
            found = model.weigh(_added(found.logits, standing.logits, _SYSTEM_WEIGHT))
    leans = found.task == DEFAULT or found.probability < SURE
    if said.earlier and leans and len(said.asked) <= _FOLLOW_UP_CHARS:
        found = model.weigh(_added(found.logits, opinion_of(said.earlier).logits, _EARLIER_WEIGHT))
    return found


def _added(
    logits: tuple[float, ...], others: tuple[float, ...], weight: float
) -> tuple[float, ...]:
    return tuple([a + weight * b for a, b in zip(logits, others, strict=True)])


class TaskTold(NamedTuple):
    """A task, and what it was told by.

    Attributes:
        task: The task.
        source: "hint", "structure", "classifier" or "default".
        probability: How likely it is the right one, 0..1.
        odds: Tasks that may be meant, and how likely each is, the likeliest first; empty where one
            is likelier than all others together. They add up to less than 1: the rest is anything.
    """

    task: str
    source: str
    probability: float = 1.0
    odds: tuple[tuple[str, float], ...] = ()


def task_from_words(said: Said, *, structured: bool = False) -> TaskTold:
    """Tell the task, how it was told and how likely it is the right one.

    Args:
        said: What the conversation says.
        structured: Whether the answer has to have a form (a JSON schema).
    """
    if not any(said):
        if structured:
            return TaskTold("extraction", "structure")
        return TaskTold(DEFAULT, "default", SURE)
    found = _opinion(said)
    task, probability, _ = found
    if structured and (task == DEFAULT or probability < _STRUCTURED_SURE):
        # nobody chats in JSON
        return TaskTold("extraction", "structure")
    if probability >= LIKELY:
        return TaskTold(task, "classifier", probability)
    chances = _chances(found)
    odds = tuple([pair for pair in list(chances.items())[:_MOST_ODDS] if pair[1] >= _LEAST_ODDS])
    if probability < SURE:
        return TaskTold(DEFAULT, "default", chances[DEFAULT], odds)
    return TaskTold(task, "classifier", probability, odds)


def task_probabilities(said: Said) -> dict[str, float]:
    """Give the probability of every task, the likeliest first.

    Where nothing is sure, the default is given as much as the likeliest: it is as often right.
    """
    if any(said):
        return _chances(_opinion(said))
    others = [task for task in shipped().tasks if task != DEFAULT]
    return {DEFAULT: SURE} | dict.fromkeys(others, (1 - SURE) / len(others))


def _chances(found: TaskOpinion) -> dict[str, float]:
    chances = shipped().probabilities(found.logits)
    if found.probability >= SURE:
        return chances
    raised = {DEFAULT: found.probability, **{t: p for t, p in chances.items() if t != DEFAULT}}
    whole = sum(raised.values())
    return {task: chance / whole for task, chance in raised.items()}


def difficulty_of(asked: str, input_tokens: int, *tasks: str) -> tuple[float, ...]:
    """Guess how hard a request is, 0 to 1, from its task, its words and its length.

    The figures are judgement, not measurement: a prior until labels say better (docs/tasks.md).

    Args:
        asked: What is asked.
        input_tokens: Its length, with all that is sent along.
        *tasks: What may be meant by it.

    Returns:
        How hard it is if each of the tasks is meant.
    """
    if len(asked) > 2 * _EDGE_CHARS:
        asked = f"{asked[:_EDGE_CHARS]} {asked[-_EDGE_CHARS:]}"
    hard = len(_HARD_WORDS.intersection(asked.lower().split()))
    more = 0.08 * min(hard, 4)
    if input_tokens > LONG_PROMPT_TOKENS:
        more += 0.05
    return tuple([min(1.0, _BASE_DIFFICULTY[task] + more) for task in tasks])
