"""Tell the kind of work from the words of the request, by rule.

Only the instruction is read: its beginning and its end, where people put what they want. What
stands between, quoted documents mostly, does not decide. The rules are deliberately few and
certain; where none holds the task is left to the default.
"""

from __future__ import annotations

import re

__all__ = ["difficulty_of", "instruction_words", "task_from_words"]

_EDGE_CHARS = 300
LONG_PROMPT_TOKENS = 2_000
_WORDS = re.compile(r"[a-z+#]+")

_VOTES = {
    "code": (
        "python javascript typescript java rust golang kotlin swift c++ c# sql bash html css regex "
        "function code bug debug refactor compile unittest pytest api script algorithm stacktrace "
        "traceback exception dockerfile sqlalchemy react django pandas numpy async codebase"
    ),
    "math": (
        "solve equation integral derivative probability theorem proof prove triangle polynomial "
        "matrix calculate compute arithmetic percent percentage algebra geometry sum fraction "
        "remainder divisible integer integers equation equations"
    ),
    "reasoning": (
        "puzzle logic logical deduce infer riddle premises conclusion syllogism therefore"
    ),
    "extraction": (
        "extract parse fields field entities json structured names dates invoice csv columns"
    ),
    "summarization": ("summarize summarise summary tldr condense shorten gist abstract"),
    "translation": ("translate translation translated traduce traduis übersetze"),
    "creative": (
        "story poem haiku sonnet lyrics novel fiction screenplay slogan limerick fairytale essay"
    ),
    "classification": (
        "classify classification categorize categorise label sentiment category spam"
    ),
}
_WORD_TO_TASK = {word: task for task, words in _VOTES.items() for word in words.split()}
# a verb that names the task outright outweighs topic words around it
_STRONG = {
    **dict.fromkeys(("summarize", "summarise", "summary", "tldr"), "summarization"),
    **dict.fromkeys(("translate", "translation"), "translation"),
    **dict.fromkeys(("classify", "categorize", "categorise"), "classification"),
    "extract": "extraction",
    "prove": "math",
    "refactor": "code",
    "debug": "code",
    **dict.fromkeys(("poem", "haiku", "sonnet", "story"), "creative"),
}
_MARKS_OF_CODE = ("```", "def ", "#include", "SELECT ", "=> {", "();", "import ")
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


def instruction_words(text: str) -> list[str]:
    """Give the lower-cased words of the instruction: the beginning and the end of a text."""
    if len(text) > 2 * _EDGE_CHARS:
        text = f"{text[:_EDGE_CHARS]} {text[-_EDGE_CHARS:]}"
    return _WORDS.findall(text.lower())


def task_from_words(text: str, words: list[str]) -> str | None:
    """Tell the task from what a user wrote, or None where no rule is sure.

    Args:
        text: What the user wrote.
        words: Its :func:`instruction_words`.
    """
    votes: dict[str, int] = {}
    for word in words:
        task = _WORD_TO_TASK.get(word)
        if task is not None:
            votes[task] = votes.get(task, 0) + (3 if _STRONG.get(word) == task else 1)
    for mark in _MARKS_OF_CODE:
        if mark in text:
            votes["code"] = votes.get("code", 0) + 2
            break
    if votes:
        best = max(votes, key=votes.__getitem__)
        if votes[best] > 1:
            return best
    if text.endswith("?"):
        # a question behind a long text is asked of that text
        return "qa" if len(text) > _EDGE_CHARS else next(iter(votes), None)
    return None


def difficulty_of(task: str, words: list[str], input_tokens: int) -> float:
    """Guess how hard a request is, 0 to 1, from its task, its words and its length.

    The figures are judgement, not measurement: a prior until labels say better.
    """
    hard = sum([word in _HARD_WORDS for word in words])
    level = _BASE_DIFFICULTY[task] + 0.08 * min(hard, 4)
    return min(1.0, level + 0.05 if input_tokens > LONG_PROMPT_TOKENS else level)
