"""Histories that vendors were once sent in a form they refuse, or of which something was lost.

Each was found by ``test_history_everywhere.py``.
"""

from __future__ import annotations

import orjson
import pytest

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import (
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing.answer import seal
from tests.histories import PDF, PNG
from tests.wire_requests import conversation, encode, refused


def turn(role, *parts, name=None):
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts), name)


def user(*parts, **more):
    return turn("user", *parts, **more)


def answer(*parts):
    return turn("assistant", *parts)


def call(call_id="c1", name="lookup", arguments="{}"):
    return ToolCallPart(call_id, name, arguments)


def results(*parts, name=None):
    return turn("tool", *parts, name=name)


def result(call_id="c1", *content, name="lookup"):
    parts = tuple(TextPart(p) if isinstance(p, str) else p for p in content)
    return ToolResultPart(call_id, parts, name)


def thinking(issuer, text="hm"):
    protocol = {"openai": "openai-responses"}.get(issuer, issuer)
    return ReasoningPart(text, issuer, seal(protocol, text, "1"), item_id="rs_1")


HI = user("hi")
IMAGE = ImagePart(PNG, media_type="image/png")
TIFF = ImagePart("SUkqAAgAAAA=", media_type="image/tiff")
PAGE = FilePart(PDF, media_type="application/pdf", name="a.pdf")
ZIP = FilePart("AAAA", media_type="application/zip")
NOTES = FilePart(text="words", name="notes.txt")
SEARCH = OpaquePart("openai", {"type": "web_search_call", "status": "completed"})
OUT = "left out: it cannot be read here"

CHAT = ("openai-chat", "openai", "gpt-4.1")
MISTRAL = ("openai-chat", "mistral", "mistral-small-latest")
GROQ = ("openai-chat", "groq", "openai/gpt-oss-120b")
DEEPSEEK = ("openai-chat", "deepseek", "deepseek-chat")
PERPLEXITY = ("openai-chat", "perplexity", "sonar-pro")
VLLM = ("openai-chat", "vllm", "my-own")
RESPONSES = ("openai-responses", "openai", "gpt-5.4")
PLAIN_RESPONSES = ("openai-responses", "openai", "gpt-4.1")
OWN_RESPONSES = ("openai-responses", "vllm", "my-own")
CLAUDE = ("anthropic", "anthropic", "claude-sonnet-5")
HAIKU = ("anthropic", "anthropic", "claude-haiku-4-5")
GEMINI = ("gemini", "gemini", "gemini-3.5-flash")
COHERE = ("cohere", "cohere", "command-a-vision-07-2025")
NOVA = ("bedrock", "bedrock", "amazon.nova-2-lite-v1:0")
OPUS = ("bedrock", "bedrock", "global.anthropic.claude-opus-4-7")
SONNET = ("bedrock", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")

ONE_BY_ONE = [
    HI,
    answer(call("c1"), call("c2")),
    results(result("c1", "one", IMAGE)),
    results(result("c2", "two")),
]
REFUSED_TWICE = [HI, answer(RefusalPart("No."), RefusalPart("Never.")), HI]
NOTHING_SAID = [HI, answer(ReasoningPart("hm", "vllm")), answer(SEARCH), user("so?")]
DRAWN = [HI, answer("Here:", IMAGE), HI]
CUT = [HI, answer(call(arguments='{"q": "x')), results(result("c1", "one"))]
SAME_ID = [
    HI,
    answer(call("c1", "lookup"), call("c1", "weather")),
    results(result("c1", "sunny", name="weather"), result("c1", "found", name="lookup")),
]
MARKED = [
    HI,
    answer(call("c1"), call("c2")),
    results(result("c1", "one", CachePoint("1h")), result("c2", CachePoint())),
]
ANSWERED = [user("see", TIFF, ZIP), answer("I see"), user("so?")]
SIX = [user("see", *[FilePart(PDF, media_type="application/pdf", name=f"{n}") for n in range(6)])]

# (what, target, history, what must stand in the request, what must not)
ROWS = [
    ("two refusals in one answer", CHAT, REFUSED_TWICE, ["No.Never."], []),
    ("two refusals in one answer", CLAUDE, REFUSED_TWICE, ["No.", "Never."], []),
    ("a document before a cache point", NOVA, [user(PAGE, CachePoint())], ["See the document."], []),
    ("an answer that says nothing", MISTRAL, NOTHING_SAID, [], ["assistant"]),
    ("an answer that says nothing", PERPLEXITY, NOTHING_SAID, ["hi\\nso?"], ["assistant"]),
    ("an answer that says nothing", GEMINI, NOTHING_SAID, [], ["model"]),
    ("an image in an answer", CHAT, DRAWN, ["Here:[image left out"], [PNG]),
    ("an image in an answer", RESPONSES, DRAWN, ["Here:", OUT], [PNG]),
    ("an image in an answer", CLAUDE, DRAWN, ["Here:", OUT], [PNG]),
    ("an image in an answer", NOVA, DRAWN, ["Here:", OUT], [PNG]),
    ("an image in an answer", COHERE, DRAWN, ["Here:", OUT], [PNG]),
    ("an image in an answer", GEMINI, DRAWN, ["Here:", PNG], [OUT]),
    *[
        ("answered media of no form", target, ANSWERED, ["see", OUT], ["SUkq", "AAAA"])
        for target in (CHAT, DEEPSEEK, RESPONSES, CLAUDE, COHERE, NOVA)
    ],
    *[
        ("results one by one, one with an image", target, ONE_BY_ONE, ["one", "two", PNG], [])
        for target in (CHAT, MISTRAL, VLLM, RESPONSES, CLAUDE, GEMINI, COHERE, NOVA, OPUS)
    ],
    ("text in a result of a file", DEEPSEEK, [HI, answer(call()), results(result("c1", NOTES))], ["words"], []),
    ("arguments cut off", VLLM, CUT, [r"{\\\"q\\\": \\\"x"], []),
    ("arguments cut off", COHERE, CUT, [r"{\\\"q\\\": \\\"x"], []),
    ("two calls of one id", GEMINI, SAME_ID, ['"name": "weather", "response": {"output": "sunny"}'], []),
    ("a result of another name", GEMINI, [HI, answer(call()), results(result("c1", "one", name="x"))], ["one"], []),
    ("a thought of no words", GEMINI, [HI, answer(ReasoningPart(""), "so"), HI], ["so"], ["thought"]),
    ("reasoning for a model that has none", PLAIN_RESPONSES, [HI, answer(thinking("openai"), "so"), HI], ["so"], ["reasoning"]),
    ("reasoning that leads to nothing", OWN_RESPONSES, [HI, answer("so", ReasoningPart("hm", "vllm", item_id="rs_1")), HI], ["so"], ["rs_1"]),
    ("reasoning that leads to nothing", CLAUDE, [HI, answer(thinking("anthropic"), "so", thinking("anthropic", "well"), " "), HI], ["hm", "so"], ["well"]),
    ("reasoning that leads to nothing", OPUS, [HI, answer(thinking("bedrock"), "so", thinking("bedrock", "well")), HI], ["hm", "so"], ["well"]),
    ("reasoning behind words", HAIKU, [HI, answer("so"), answer(thinking("anthropic"), "then"), HI], ["so", "then"], ["hm"]),
    ("reasoning behind words", SONNET, [HI, answer("so"), answer(thinking("bedrock"), "then"), HI], ["so", "then"], ["hm"]),
    ("reasoning behind words", CLAUDE, [HI, answer("so", thinking("anthropic"), "then"), HI], ["so", "hm", "then"], []),
    ("reasoning in an answer begun", HAIKU, [HI, answer(thinking("anthropic"), "It is")], ["It is"], ["hm"]),
    ("reasoning in an answer to go on", CLAUDE, [HI, answer(thinking("anthropic"), "It is")], ["It is", "hm"], []),
    ("who speaks", MISTRAL, [user("hi", name="Ann")], [], ["Ann"]),
    ("the name of a tool's turn", PERPLEXITY, [HI, answer(call()), results(result("c1", "one"), name="lookup"), HI], ["one"], ['"name"']),
    ("a tool that returned nothing", PERPLEXITY, [HI, answer(call()), results(result("c1"))], ["(no output)"], []),
    ("marks in results", CLAUDE, MARKED, ['"text": "one", "cache_control"'], ["5m"]),
    ("a result of no call", CHAT, [HI, results(result("c1", "one", name="my tool"), name="my tool")], ["one"], ['"name"']),
    ("who speaks, without a name", CHAT, [user("hi", name="")], ["hi"], ['"name"']),
    ("a call of no name", COHERE, [HI, answer(call(name="")), results(result("c1", "one", name=""))], ['"name": "tool"'], []),
    ("a call of no name", VLLM, [HI, answer(call(name="")), results(result("c1", "one", name=None))], ['"name": "tool"'], ['"name": ""']),
    ("an answer of nothing but a search", CHAT, [HI, answer(SEARCH), HI], [], ["assistant"]),
    ("an answer of nothing but reasoning", GROQ, [HI, answer(ReasoningPart("hm", "groq")), HI], [], ["assistant"]),
    ("an image as instructions", CHAT, [turn("system", "Be brief.", IMAGE), HI], ["Be brief.", OUT], [PNG]),
    ("an image as instructions", COHERE, [turn("system", "Be brief.", IMAGE), HI], ["Be brief.", OUT], [PNG]),
    ("an image and a mark as instructions", NOVA, [turn("system", IMAGE, CachePoint()), HI], ["hi"], ["cachePoint"]),
    ("instructions at the end", COHERE, [HI, answer("so"), turn("system", "Be brief.")], ['{"role": "user", "content": "Be brief."}'], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "target", "history", "said", "unsaid"), ROWS, ids=[f"{r[1][1]}: {r[0]}" for r in ROWS]
)
def test_a_history_that_was_refused_or_cut(what, target, history, said, unsaid):
    encoded = encode(history, target)
    problem = refused(encoded, target[1])
    assert problem is None, (what, problem)
    sent = conversation(orjson.loads(encoded.http.body))
    assert [piece for piece in said if piece not in sent] == [], sent
    assert [piece for piece in unsaid if piece in sent] == [], sent


def test_bedrock_is_shown_the_last_five_documents_of_which_texts_go_as_text():
    pages = [FilePart(PDF, media_type="application/pdf", name=f"page {n}") for n in range(4)]
    answered = [user("see", NOTES, *pages[:1]), answer("I see"), user("and?", *pages)]
    more = [user("see", PAGE, NOTES), answer("I see"), user("and?", NOTES, *pages)]
    for history, expected in (
        (answered, ["[notes-txt]\\nwords", "page 0", "page 3"]),
        (more, ["[file beyond 5 left out", "[notes-txt]\\nwords", "notes-txt (2)", "page 3"]),
    ):
        encoded = encode(history, NOVA)
        assert refused(encoded, "bedrock") is None
        sent = conversation(orjson.loads(encoded.http.body))
        assert [piece for piece in expected if piece not in sent] == [], sent
    with pytest.raises(UnsupportedParameterError, match="beyond 5"):
        encode(SIX, NOVA)
