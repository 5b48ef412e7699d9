"""Prompts made from the templates in ``task_templates/``, by task and language.

A template is a line under ``## task``: ``{a|b}`` is one of its alternatives, which may hold others;
``{name}`` is a line under ``= name``, of the same language or else of English; anything else in
braces stays as it is. ``{doc}`` is a text to work on, quoted in one of the ways people quote: a
document, or now and then code, a problem or a whole prompt of another task, so that a text in
quotes does not tell the task.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from llmrouter_integrations.errors import ConfigurationError

__all__ = ["TEMPLATES", "Language", "generate", "read_templates"]

TEMPLATES = Path(__file__).with_name("task_templates")
_WAYS_TO_QUOTE = (
    *("{}",) * 3,
    *("\n\n{}",) * 5,
    "\n{}",
    '"{}"',
    '\n\n"{}"',
    '\n\n"""\n{}\n"""',
    "\n\n<document>\n{}\n</document>",
    "\n<text>{}</text>",
    "\n\n```\n{}\n```",
    "\n\nText: {}",
    "\n\n---\n{}\n---",
)
_MISLEADING = 0.4
"""Share of documents that are something else."""
_MISLEADING_SLOTS = ("snippet", "snippet", "wordproblem", "puzzle", "item")
_IN_QUOTES = re.compile(r'"([^"]*)"')
_INNERMOST = re.compile(r"\{([^{}]*)\}")
_HIDDEN = str.maketrans({"{": "\ue000", "}": "\ue001", "|": "\ue002"})
_SHOWN = str.maketrans({"\ue000": "{", "\ue001": "}", "\ue002": "|"})


@dataclass(frozen=True, slots=True)
class Language:
    """The templates of one language.

    Attributes:
        name: Its code, as "en".
        slots: Lines to fill in, by name.
        tasks: Templates, by task.
    """

    name: str
    slots: dict[str, list[str]]
    tasks: dict[str, list[str]]


def read_templates(folder: Path = TEMPLATES) -> list[Language]:
    """Read the templates of every language, English first.

    Raises:
        ConfigurationError: They are not there: they are part of the repository, not of the wheel.
    """
    paths = sorted(folder.glob("*.txt"), key=lambda path: (path.stem != "en", path.stem))
    if not paths:
        raise ConfigurationError(f"there are no task templates in {folder}; use a checkout")
    english: dict[str, list[str]] = {}
    read = []
    for path in paths:
        slots: dict[str, list[str]] = {}
        tasks: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("= "):
                lines = slots.setdefault(line[2:].strip(), [])
            elif line.startswith("## "):
                lines = tasks.setdefault(line[3:].strip(), [])
            elif line.strip() and not line.startswith("# "):
                quoted = _IN_QUOTES.fullmatch(line)
                lines.append(quoted[1] if quoted else line)
        english = english or slots
        read.append(Language(path.stem, {**english, **slots}, tasks))
    return read


def generate(language: Language, task: str, count: int, seed: int) -> list[tuple[str, str]]:
    """Make prompts of a task in a language.

    Args:
        language: Whose templates.
        task: Which of its tasks.
        count: How many.
        seed: Of the choices.

    Returns:
        Pairs of a name for the template and the prompt, the templates taking turns.
    """
    dice = random.Random(f"{seed}/{language.name}/{task}")  # noqa: S311 - no secret
    templates = language.tasks[task]
    return [
        (
            f"{language.name}/{task}/{turn % len(templates)}",
            _fill(templates[turn % len(templates)], language, dice).strip(),
        )
        for turn in range(count)
    ]


def _written(line: str) -> str:
    return line.replace("\\n", "\n")


def _fill(template: str, language: Language, dice: random.Random, depth: int = 0) -> str:
    text = _written(template)
    while (choice := _INNERMOST.search(text)) is not None:
        inner = choice[1]
        if inner == "doc":
            chosen = _document(language, dice, depth)
        elif inner in language.slots:
            line = _written(dice.choice(language.slots[inner]))
            chosen = line.translate(_HIDDEN)
        elif "|" in inner:
            # a slot may have brought text, which is hidden from further choice
            chosen = dice.choice(inner.split("|"))
        else:
            chosen = f"\ue000{inner}\ue001"
        text = text[: choice.start()] + chosen + text[choice.end() :]
    return text.translate(_SHOWN)


def _document(language: Language, dice: random.Random, depth: int) -> str:
    if depth == 0 and dice.random() < _MISLEADING:
        kind = dice.choice((*_MISLEADING_SLOTS, "prompt"))
        if kind == "prompt":
            other = dice.choice(language.tasks[dice.choice(sorted(language.tasks))])
            text = _fill(other, language, dice, depth + 1).strip()
        else:
            text = _written(dice.choice(language.slots[kind]))
        text = "\n".join([text] * dice.choice((1, 1, 1, 1, 1, 4)))
    else:
        paragraphs = language.slots["documents"]
        text = "\n\n".join(dice.sample(paragraphs, dice.choice((1, 1, 1, 2, 3))))
        text = _written(text)
    return dice.choice(_WAYS_TO_QUOTE).replace("{}", text).translate(_HIDDEN)
