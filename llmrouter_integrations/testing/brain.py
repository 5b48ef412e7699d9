"""The simulated model that answers where no script says otherwise."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.testing.answer import estimated_tokens
from llmrouter_integrations.testing.instances import instance
from llmrouter_integrations.testing.prompt import Prompt
from llmrouter_integrations.testing.prompt_cache import PromptCache
from llmrouter_integrations.testing.script import Reply, SimRequest, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Brain"]

_WORD = re.compile(r"[a-z]{2,}")
_ENDING = re.compile(r"(?:ing|ed|es|e|s)$")
_IDLE_WORDS_TEXT = (
    "my the an and or of to in on at is get set do run use tool function fetch call this that "
    "from for with by as it its be two return returns given value what"
)
_IDLE_WORDS = frozenset(_IDLE_WORDS_TEXT.split())
_SUM_TOOLS = {
    "+": re.compile(r"add|sum|plus"),
    "-": re.compile(r"sub|minus|differ"),
    "*": re.compile(r"mul|times|product"),
    "/": re.compile(r"div|quotient"),
}
_ANY_SUM = re.compile(r"calc|math|arith|evaluate|eval|compute")
_ONE_BY_ONE = re.compile(r"\b(?:then|afterwards|after that|next|finally)\b", re.IGNORECASE)
_USE_TOOL = re.compile(
    r"\b(?:us(?:e|ing)|call) (?:the|a|your) (?:\w+ )?(?:tool|function)s?\b", re.IGNORECASE
)
_KEYS = re.compile(r"['\"`](\w+)['\"`]")


class Brain:
    """Answers like a model that is obedient and none too bright, and always the same.

    - Tools: it calls the tools that the prompt names, or the one whose name or purpose it is
      about, with arguments made from the prompt; one after the other where the prompt says
      "then"; it obeys the tool choice; from tool results it makes a final answer that quotes them.
    - Output schemas: it gives JSON that fits, made of the prompt's words. In JSON mode, or where
      a prompt quotes a schema, it follows that one.
    - Otherwise it works out a sum, or echoes the last user message, and says what media it saw.

    Stop sequences and the token limit are kept, reasoning and log probabilities given when asked
    for, and a long prompt seen before is billed as cached.
    """

    def __init__(self) -> None:
        self._cache = PromptCache()

    def __call__(self, request: SimRequest) -> Reply:
        """Answer one request."""
        prompt = Prompt(request.last_text)
        calls = tuple(_calls(request, prompt))
        reply = Reply(tool_calls=calls) if calls else Reply(_text(request, prompt))
        if request.reasoning:
            topic = prompt.text.strip()[:80] or "nothing"
            reply = replace(reply, reasoning=f"The user says: {topic}. I can answer that.")
        cached, written = self._cache.use(request)
        return replace(
            _limited(request, reply),
            cached_tokens=cached,
            cache_write_tokens=written,
            logprobs=request.logprobs,
        )


# -- tools ---------------------------------------------------------------------------------


def _calls(request: SimRequest, prompt: Prompt) -> Iterator[ToolCall]:
    choice, offered = request.tool_choice, request.tools
    if not offered or choice == "none":
        return
    if choice in offered:
        wanted = [choice]
    else:
        done = Counter(request.called)
        wanted = [name for name in _wanted(request, prompt) if not done[name]]
        if not wanted and choice == "required":
            wanted = [next((name for name in offered if not done[name]), offered[-1])]
    if not request.parallel or _ONE_BY_ONE.search(prompt.text):
        wanted = wanted[:1]
    for name in wanted:
        schema = request.tool_schemas[name]
        for subject in _subjects(request, prompt, wanted, schema):
            # a structured answer asked for through a tool is wanted whole; a real tool's optional
            # arguments are left to its defaults
            whole = choice == name
            arguments = instance(schema, subject, optional=whole, function=name)
            yield ToolCall(name, arguments if isinstance(arguments, dict) else {})


def _subjects(
    request: SimRequest, prompt: Prompt, wanted: list[str], schema: dict[str, Any]
) -> list[Prompt]:
    """Split "the weather in Paris and Tokyo" in two, where one tool takes one place."""
    places = prompt.places
    single = len(wanted) == 1 and request.parallel and request.tool_choice == "auto"
    if single and len(places) > 1 and len(schema.get("required") or ()) == 1:
        return [Prompt(f"{prompt.text.partition(places[0])[0]}{place}") for place in places]
    return [prompt]


def _wanted(request: SimRequest, prompt: Prompt) -> list[str]:
    """Give the tools that the prompt names, in its order, or the one it seems to be about."""
    text = prompt.text
    named = [(match.start(), name) for name in request.tools if (match := _mention(name, text))]
    if named:
        return [name for _, name in sorted(named)]
    scored = [(_score(request, name, prompt), name) for name in request.tools]
    best, name = max(scored, key=lambda pair: pair[0])
    if best >= 1:
        return [name]
    return [name] if _USE_TOOL.search(text) else []


def _mention(name: str, text: str) -> re.Match[str] | None:
    """Find a tool's exact name; a name that is a plain word must be called one."""
    boundary = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    if name.islower() and name.isalpha():
        return re.search(rf"{boundary}(?=\s*\(|[`'\"]?\s+(?:tool|function))", text)
    return re.search(boundary, text)


def _score(request: SimRequest, name: str, prompt: Prompt) -> float:
    """Say how far a prompt is about a tool: at least 1 is enough to call it."""
    name_words = _stems(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " "))
    text_words = _stems(prompt.text)
    score = len(name_words & text_words) / len(name_words) if name_words else 0.0
    score = score if score >= 0.5 else 0.0
    described = _stems(request.tool_descriptions.get(name, "")) & text_words
    score += min(0.75, 0.4 * len(described))
    if prompt.sum and score < 1:
        purpose = f"{name} {request.tool_descriptions.get(name, '')}".lower()
        symbol = next((s for s in _SUM_TOOLS if s in prompt.sum[0]), "+")
        if _SUM_TOOLS[symbol].search(purpose) or _ANY_SUM.search(purpose):
            score += 1
    return score


def _stems(text: str) -> set[str]:
    words = set(_WORD.findall(text.lower())) - _IDLE_WORDS
    return {_ENDING.sub("", word) if len(word) > 3 else word for word in words}


# -- text ----------------------------------------------------------------------------------


def _text(request: SimRequest, prompt: Prompt) -> str:
    results = request.tool_results
    source = Prompt(" ".join((prompt.text, *results))) if results else prompt
    if request.schema is not None:
        return orjson.dumps(instance(request.schema, source, optional=True)).decode()
    quoted = _quoted_schema(request)
    if quoted is not None:
        return orjson.dumps(instance(quoted, source, optional=True)).decode()
    if request.json_mode:
        keys = dict.fromkeys(_KEYS.findall(prompt.text)) or {"answer": None}
        return orjson.dumps(dict.fromkeys(keys, prompt.text)).decode()
    if results:
        return f"Based on the tool results: {'; '.join(results)}"
    if prompt.sum:
        written, value = prompt.sum
        return f"{written} = {value}"
    seen = _seen(request)
    said = f"You said: {prompt.text}" if prompt.text else ""
    return " ".join(filter(None, (seen, said))) or "Hello!"


def _seen(request: SimRequest) -> str:
    counts = Counter(request.media)
    parts = [f"{n} {'audio clip' if k == 'audio' else k}{'s' * (n > 1)}" for k, n in counts.items()]
    return f"I see {' and '.join(parts)}." if parts else ""


def _quoted_schema(request: SimRequest) -> dict[str, Any] | None:
    """Find the last JSON schema of an object quoted in the system or the last user message.

    The last, because instructions often give an example before the schema that is meant.
    """
    texts = [text for role, text in request.messages if role == "system"] + [request.last_text]
    for text in reversed(texts):
        if '"properties"' not in text:
            continue
        found = [schema for schema in _objects(text) if isinstance(schema.get("properties"), dict)]
        if found:
            return found[-1]
    return None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Give the outermost JSON objects in a text."""
    import json

    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _limited(request: SimRequest, reply: Reply) -> Reply:
    """Cut an answer at a stop sequence and at the token limit."""
    text, ended_by = reply.text, None
    found = [(text.find(stop), stop) for stop in request.stop if stop and stop in text]
    if found:
        at, ended_by = min(found)
        text = text[:at]
    reply = replace(reply, text=text, stop_sequence=ended_by)
    if request.max_tokens is None or reply.tool_calls:
        return reply
    left = request.max_tokens - estimated_tokens(reply.reasoning)
    if left < 0:
        return replace(
            reply, text="", reasoning=reply.reasoning[: 4 * request.max_tokens], finish="length"
        )
    if estimated_tokens(text) > left:
        return replace(reply, text=text[: 4 * left], stop_sequence=None, finish="length")
    return reply
