"""Other dress for a training prompt: what people and test sets put around what they ask.

Courtesies, frames ("Question: ... Answer:"), worked examples before it, options to choose from,
orders about the form of the answer, other case and typography. None of it is the task, and a
classifier that never saw it takes it for one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Wrapper"]

_FRAMES = (
    "Answer the following question:\n{}",
    "Please answer the following question.\n\n{}",
    "Answer the question below.\n{}",
    "Question: {}\nAnswer:",
    "Question: {}",
    "Q: {}\nA:",
    "Q: {}",
    "Problem:\n{}\n\nSolution:",
    "Task: {}\nOutput:",
    "Instruction: {}\nResponse:",
    "### Instruction:\n{}\n\n### Response:\n",
    (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\n{}\n\n### Response:"
    ),
    "You are a helpful assistant.\n\nUser: {}\nAssistant:",
    "<|user|>\n{}\n<|assistant|>\n",
    "[INST] {} [/INST]",
    "Here is what I need: {}",
    "{}\n\nLet's think step by step.",
    "{}\nThink step by step before you answer.",
    "{}\nAfter careful thought, put your final answer in \\boxed{{}}.",
    "{}\n\nExplain your answer.",
    "{}\n\nGive only the answer, without explanation.",
    "{}\nAnswer with one word or phrase.",
    "{}\n\nAnswer in less than 100 words.",
    '{}\n\nReturn your answer as JSON: {{"answer": ...}}',
    'Reply with a JSON object with the keys "answer" and "confidence". {}',
    "{}\n\nRespond in Markdown.",
    "Please complete the following.\n\n{}",
    "I want you to help me with the following: {}",
)
_CHOICES = (
    "\nA) {}\nB) {}\nC) {}\nD) {}",
    "\nA. {}\nB. {}\nC. {}\nD. {}",
    "\n(A) {}\n(B) {}\n(C) {}\n(D) {}",
    "\nOptions:\n- {}\n- {}\n- {}\n- {}",
    " A: {} B: {} C: {} D: {}",
)
_ORDERS_TO_CHOOSE = (
    "",
    "\nAnswer:",
    '\nPrint only a single choice from "A" or "B" or "C" or "D" without explanation. Answer:',
    "\nAnswer with the letter of the right option.",
    "\nWhich is correct?",
)
_INTRODUCTIONS_TO_CHOICES = (
    "",
    "",
    "Please answer with the letter of the correct answer.\n\n",
    "The following are multiple choice questions (with answers).\n\n",
    "Choose the best answer.\n\n",
    "Answer the following multiple choice question.\n\n",
)
_TYPOGRAPHY = str.maketrans({"'": "\u2019", "-": "\u2013"})
_LONGEST_EXAMPLE = 700


class Wrapper:
    """Dresses prompts anew, by dice of its own.

    Args:
        seed: Of the dice.
        openers: What goes before, in the prompt's language.
        closers: What goes behind.
        phrases: Short texts, to be offered as options.
    """

    def __init__(
        self, seed: str, openers: Sequence[str], closers: Sequence[str], phrases: Sequence[str]
    ) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._openers = openers
        self._closers = closers
        self._phrases = phrases

    def courteous(self, text: str) -> str:
        """Put an opener before, a closer behind, or both; perhaps in other case."""
        dice = self._dice
        way = dice.randrange(3)
        text = self.typed(text)
        if way != 1:
            text = dice.choice(self._openers) + text
        if way != 0:
            text += dice.choice(self._closers)
        return text

    def typed(self, text: str) -> str:
        """Type it as another would: in small letters, without a stop, with curved apostrophes."""
        way = self._dice.randrange(6)
        if way == 0:
            return text.lower()
        if way == 1:
            return text.rstrip(".?!")
        if way == 2:
            return text.translate(_TYPOGRAPHY)
        if way == 3:
            return text[:1].lower() + text[1:]
        return text

    def framed(self, text: str) -> str:
        """Put it into a frame of a test set or of a model's template."""
        return (
            self._dice.choice(_FRAMES).replace("{{", "{").replace("}}", "}").replace("{}", text, 1)
        )

    def with_examples(self, text: str, others: Sequence[str]) -> str:
        """Put worked examples of the same kind before it."""
        dice = self._dice
        ask, answer = dice.choice((("Q: ", "A:"), ("Question: ", "Answer:"), ("", "Answer:")))
        shown = [other[:_LONGEST_EXAMPLE] for other in dice.sample(others, dice.choice((1, 2, 3)))]
        worked = [f"{ask}{other}\n{answer} {dice.choice(self._phrases)}\n\n" for other in shown]
        return f"{''.join(worked)}{ask}{text}\n{answer}"

    def with_options(self, text: str, *, figures: bool) -> str:
        """Put four options behind it.

        Args:
            text: The question.
            figures: Whether they are numbers.
        """
        dice = self._dice
        offered = (
            [str(dice.randrange(1, 500)) for _ in range(4)]
            if figures
            else dice.sample(self._phrases, 4)
        )
        before = dice.choice(_INTRODUCTIONS_TO_CHOICES)
        return (
            before + text + dice.choice(_CHOICES).format(*offered) + dice.choice(_ORDERS_TO_CHOOSE)
        )
