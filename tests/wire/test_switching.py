"""A conversation that goes from vendor to vendor: each turn is written, taken, answered and read.

Nothing of a vendor's is made up here: the histories are what the codecs read from the simulated
vendors' answers, whole and streamed, with all that these put in them. The conversations
drawn are the same each time, unless ``LLMROUTER_HISTORIES`` says how many to draw.
"""

from __future__ import annotations

import os

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import ImagePart, Message, TextPart, Tool, ToolResultPart
from llmrouter_integrations.testing import Reply, ToolCall
from llmrouter_integrations.testing.answer import make_answer
from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.rules import refusal
from llmrouter_integrations.wire.registry import codec
from tests.histories import PNG, History
from tests.wire_requests import TARGETS, conversation, encode, endpoint, received

ASKED = os.environ.get("LLMROUTER_HISTORIES")
EXAMPLES = int(ASKED or 80)
ISSUERS = {"openai-responses": "openai"}
REASONING = [
    target
    for target in TARGETS
    if target[2]
    in ("gpt-5.4", "claude-sonnet-5", "gemini-3.5-flash", "global.anthropic.claude-opus-4-7")
    and target[0] != "openai-chat"
]
TOOLS = (Tool("lookup", "Looks up", {"type": "object", "properties": {"q": {"type": "string"}}}),)


def user(text):
    return Message("user", (TextPart(text),))


class Conversation:
    """What was said so far, and by whom it goes on."""

    def __init__(self):
        self.messages = [Message("system", (TextPart("Be brief."),)), user("Which is it?")]
        self.count = 0

    def ask(self, target, reply, *, stream):
        """Have a target answer with what it is told to say."""
        protocol, provider, _ = target
        encoded = encode(self.messages, target, stream=stream, tools=TOOLS, reasoning_effort="high")
        asked = received(encoded, provider)
        problem = refusal(asked)
        assert problem is None, (target, problem, asked.body)
        if target in REASONING:
            issuer = ISSUERS.get(protocol, protocol)
            sent = conversation(asked.body)
            assert all(seal in sent for seal in History(tuple(self.messages)).sealed(issuer))
        speaker = protocol_of(asked.path.partition("?")[0])[0]
        self.count += 1
        answer = make_answer(
            asked, reply, seed=7, number=self.count, id_style=speaker.id_style_of(provider)
        )
        response = read(answer, speaker, target, stream=stream)
        said = response.text + response.message.reasoning  # where Cohere's plan of its calls stands
        assert reply.text in said
        assert len(response.tool_calls) == len(reply.tool_calls)
        self.messages.append(response.message)
        return response

    def return_results(self, *, shown=()):
        for number, call in enumerate(self.messages[-1].tool_calls):
            content = (TextPart(f"found {number}"), *shown)
            self.messages.append(Message("tool", (ToolResultPart(call.id, content, call.name),)))


def read(answer, speaker, target, *, stream):
    if not stream:
        body = orjson.dumps(speaker.whole(answer))
        return codec(target[0]).decode(HttpResponse(200, {}, body), endpoint(target))
    decoder = codec(target[0]).decoder(endpoint(target))
    builder = ResponseBuilder()
    for frame in speaker.frames(answer):
        for chunk in decoder.feed(frame.data):
            builder.add(chunk)
    for chunk in decoder.finish():
        builder.add(chunk)
    return builder.response()


replies = st.builds(
    Reply,
    text=st.sampled_from(["It is.", "Here:\n", " so "]),
    reasoning=st.sampled_from(["", "hm", "I think\nso"]),
    tool_calls=st.lists(
        st.builds(ToolCall, st.just("lookup"), st.just({"q": "x"})), max_size=2
    ).map(tuple),
)
steps = st.tuples(st.sampled_from(TARGETS), replies, st.booleans(), st.booleans())


@settings(
    max_examples=EXAMPLES,
    derandomize=not ASKED,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(steps, min_size=2, max_size=10))
def test_anybody_goes_on_where_anybody_stopped(steps):
    talk = Conversation()
    for target, reply, stream, shows in steps:
        response = talk.ask(target, reply, stream=stream)
        if response.tool_calls:
            talk.return_results(shown=(ImagePart(PNG),) if shows else ())
        else:
            talk.messages.append(user("And now?"))


@pytest.mark.parametrize("home", REASONING)
@pytest.mark.parametrize("away", TARGETS)
@pytest.mark.parametrize("stream", [False, True])
def test_there_and_back_in_the_middle_of_calls(home, away, stream):
    talk = Conversation()
    thinks = Reply("Let me see.", (ToolCall("lookup", {"q": "x"}),) * 2, "hm")
    for target in (home, away, home):
        talk.ask(target, thinks, stream=stream)
        talk.return_results()
    talk.ask(home, Reply("It is.", reasoning="so"), stream=stream)
    talk.messages.append(user("Sure?"))
    talk.ask(away, Reply("Yes."), stream=stream)
    talk.messages.append(user("Sure?"))
    talk.ask(home, Reply("Yes."), stream=stream)
