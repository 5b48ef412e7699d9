"""Blocks both ways: what a caller says reaches the request, what a model says comes back whole."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from itertools import pairwise
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.base.llms.types import CachePoint as CacheBlock
from llama_index.core.callbacks.token_counting import get_tokens_from_response
from llama_index.core.llms.llm import ToolSelection

from llmrouter_integrations.account import account_of
from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.llama_index.from_response import (
    stream_responses,
    to_chat_response,
    to_completion,
)
from llmrouter_integrations.llama_index.to_request import OPAQUE, messages_from
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    Chunk,
    Citation,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)
from llmrouter_integrations.part_record import KEY
from tests.scripted import answer, chunks_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
PNG64 = base64.b64encode(PNG).decode()
PDF = b"%PDF-1.7 x"
PDF64 = base64.b64encode(PDF).decode()
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
WAV64 = base64.b64encode(WAV).decode()
TEXT64 = base64.b64encode(b"# Rivers").decode()


def read(message):
    (one,) = messages_from([message])
    return one


def parts_of(block):
    return read(ChatMessage(role="user", blocks=[block])).parts


# -- what the caller says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", "system"),
        ("developer", "developer"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("chatbot", "assistant"),
        ("model", "assistant"),
    ],
)
def test_roles(role, expected):
    assert read(ChatMessage("x", role=role)) == Message(expected, (TextPart("x"),))


def test_every_role_can_be_read():
    messages_from([ChatMessage("x", role=role) for role in MessageRole])


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (TextBlock(text="x"), (TextPart("x"),)),
        (TextBlock(text=""), ()),
        (ImageBlock(image=PNG), (ImagePart(data=PNG64, media_type="image/png"),)),
        (
            ImageBlock(url="https://a.b/c.png", detail="low"),
            (ImagePart(url="https://a.b/c.png", media_type="image/png", detail="low"),),
        ),
        (
            ImageBlock(url=f"data:image/png;base64,{PNG64}"),
            (ImagePart(data=PNG64, media_type="image/png"),),
        ),
        (
            ImageBlock(image=PDF, image_mimetype="application/pdf"),
            (FilePart(data=PDF64, media_type="application/pdf"),),
        ),
        (AudioBlock(audio=WAV), (AudioPart(data=WAV64, media_type="audio/wav"),)),
        (AudioBlock(audio=WAV, format="mp3"), (AudioPart(data=WAV64, media_type="audio/mpeg"),)),
        (
            VideoBlock(video=b"xx", video_mimetype="video/webm"),
            ((FilePart(data="eHg=", media_type="video/webm")),),
        ),
        (VideoBlock(url="https://a.b/c"), (FilePart(url="https://a.b/c", media_type="video/mp4"),)),
        (
            DocumentBlock(data=PDF, title="t"),
            (FilePart(data=PDF64, media_type="application/pdf", name="t"),),
        ),
        (
            DocumentBlock(data=b"# Rivers", title="t", document_mimetype="text/markdown"),
            (FilePart(text="# Rivers", media_type="text/markdown", name="t"),),
        ),
        (
            DocumentBlock(data=b"# Rivers", title="t"),
            (FilePart(text="# Rivers", media_type="text/plain", name="t"),),
        ),
        (
            DocumentBlock(url="https://a.b/c.pdf", title="t"),
            (FilePart(url="https://a.b/c.pdf", media_type="application/pdf", name="t"),),
        ),
        (CacheBlock(cache_control=CacheControl(type="ephemeral")), (CachePoint("5m"),)),
        (CacheBlock(cache_control=CacheControl(type="ephemeral", ttl="1h")), (CachePoint("1h"),)),
        (
            CitableBlock(title="Rivers", source="https://a.b", content="wet"),
            (
                FilePart(
                    text="wet",
                    media_type="text/plain",
                    name="Rivers (https://a.b)",
                    citations=True,
                ),
            ),
        ),
        (
            CitableBlock(
                title="Rivers",
                source="Rivers",
                content=[DocumentBlock(data=PDF), ImageBlock(image=PNG)],
            ),
            (
                FilePart(data=PDF64, media_type="application/pdf", name="Rivers", citations=True),
                ImagePart(data=PNG64, media_type="image/png"),
            ),
        ),
        (
            CitationBlock(cited_content="wet", source="s", title="t", additional_location_info={}),
            (TextPart("wet"),),
        ),
        (
            CitationBlock(
                cited_content=ImageBlock(image=PNG),
                source="s",
                title="t",
                additional_location_info={},
            ),
            (ImagePart(data=PNG64, media_type="image/png"),),
        ),
    ],
    ids=lambda value: getattr(value, "block_type", ""),
)
def test_blocks(block, expected):
    assert parts_of(block) == expected


def test_files_are_read_and_nothing_is_downloaded(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    assert parts_of(ImageBlock(path=path)) == (ImagePart(data=PNG64, media_type="image/png"),)
    opened = ImageBlock.model_construct(image=BytesIO(PNG), image_mimetype=None, detail=None)
    opened.image.read()
    assert parts_of(opened) == (ImagePart(data=PNG64),)
    with pytest.raises(InvalidRequestError, match="ImageBlock holds no content"):
        parts_of(ImageBlock())


def test_what_is_no_block_is_named():
    message = ChatMessage.model_construct(
        role=MessageRole.USER, blocks=[SimpleNamespace()], additional_kwargs={}
    )
    with pytest.raises(InvalidRequestError, match="SimpleNamespace is nothing a model can read"):
        read(message)


def test_additional_kwargs_of_a_message():
    kwargs = {"name": "Ann", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert read(ChatMessage("x", additional_kwargs=kwargs)) == Message(
        "user", (TextPart("x"), CachePoint("1h")), "Ann"
    )


# -- calls and their results -------------------------------------------------------------------

FUNCTION = {"name": "look", "arguments": '{"a":1}'}


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(
            role="assistant",
            blocks=[ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={"a": 1})],
        ),
        ChatMessage(
            role="assistant",
            blocks=[ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs='{"a":1}')],
            additional_kwargs={"tool_calls": [{"id": "old", "function": FUNCTION}]},
        ),
        *[
            ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]})
            for call in (
                {"id": "c1", "type": "function", "function": FUNCTION},
                SimpleNamespace(id="c1", function=SimpleNamespace(**FUNCTION)),
                {"id": "c1", "name": "look", "input": {"a": 1}, "type": "tool_use"},
                ToolSelection(tool_id="c1", tool_name="look", tool_kwargs={"a": 1}),
            )
        ],
    ],
)
def test_calls_in_the_forms_of_many_llms(message):
    assert read(message).parts == (ToolCallPart("c1", "look", '{"a":1}'),)


def test_results():
    call = ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={})
    two = [call, ToolCallBlock(tool_call_id="c2", tool_name="hear", tool_kwargs={})]
    history = [
        ChatMessage(role="assistant", blocks=two),
        ChatMessage(
            role="tool",
            blocks=[TextBlock(text="red"), ImageBlock(image=PNG)],
            additional_kwargs={"tool_call_id": "c1", "name": "look"},
        ),
        ChatMessage("loud", role="function", additional_kwargs={"name": "hear"}),
        ChatMessage("?", role="tool"),
    ]
    assert messages_from(history)[1:] == [
        Message(
            "tool",
            (
                ToolResultPart(
                    "c1", (TextPart("red"), ImagePart(PNG64, media_type="image/png")), "look"
                ),
            ),
        ),
        Message("tool", (ToolResultPart("c2", (TextPart("loud"),), "hear"),)),
        Message("tool", (ToolResultPart("function_None", (TextPart("?"),)),)),
    ]


def test_thinking_of_other_llms_is_given_back_to_their_vendors():
    for said, issuer in (
        ({"signature": "S"}, "anthropic"),
        ({"encrypted_content": "S", "id": "rs_1"}, "openai"),
        ({}, None),
    ):
        message = ChatMessage(
            role="assistant", blocks=[ThinkingBlock(content="hm", additional_information=said)]
        )
        (part,) = read(message).parts
        assert (part.text, part.issuer, part.signature) == ("hm", issuer, "S" if said else None)


def test_citations_of_other_llms_stand_by_the_text():
    message = ChatMessage(
        role="assistant",
        blocks=[
            TextBlock(text="It is wet."),
            CitationBlock(
                cited_content="wet",
                source="https://a.b",
                title="Rivers",
                additional_location_info={"start": 3, "end": 6},
            ),
        ],
    )
    cited = Citation("https://a.b", "Rivers", "wet", 3, 6)
    assert read(message).parts == (TextPart("It is wet.", (cited,)),)


# -- what the model says -----------------------------------------------------------------------

THOUGHT = ReasoningPart("2 and 2", "anthropic", "SIG")
CALL = ToolCallPart("c1", "look", '{"q": "x", "n": 1}')
MARKED = ToolCallPart("c2", "look", "{}", signature="SIG2", issuer="gemini")
CITED = Citation("https://a.b", "Rivers", "wet", 0, 1, {"type": "url_citation"})
SEARCH = OpaquePart("anthropic", {"type": "server_tool_use", "id": "s1", "name": "web_search"})
IMAGE = ImagePart(data=PNG64, media_type="image/png")

ANSWERS = [
    (TextPart("hi"),),
    (TextPart("a"), TextPart("b")),
    (CALL,),
    (TextPart("Well"), CALL, MARKED),
    (CALL, TextPart("after")),
    (THOUGHT, TextPart("4")),
    (ReasoningPart("", "anthropic", "SEALED", redacted=True), TextPart("4"), THOUGHT),
    (ReasoningPart("hm", "openai", "ENC", item_id="rs_1", raw={"summary": []}), CALL),
    (RefusalPart("No."),),
    (TextPart("ab", (CITED,)), TextPart("cd", item_id="msg_1", issuer="openai")),
    (SEARCH, TextPart("found")),
    (TextPart("see"), IMAGE),
    (TextPart("see"), ImagePart(url="https://a.b/c.png", media_type="image/png")),
    (AudioPart(data=WAV64, media_type="audio/wav"),),
    (FilePart(data=PDF64, media_type="application/pdf", name="t"),),
    (FilePart(text="# Rivers", media_type="text/markdown", name="t"),),
]


def streamed(response):
    return list(stream_responses(chunks_of(response)))


@pytest.mark.parametrize("parts", ANSWERS)
def test_an_answer_goes_back_as_it_came(parts):
    for chat in (to_chat_response(answer(*parts)), streamed(answer(*parts))[-1]):
        message = chat.message
        assert read(message).parts == parts
        stored = ChatMessage.model_validate(orjson.loads(message.model_dump_json()))
        assert read(stored).parts == parts
        assert orjson.dumps(chat.raw)


@pytest.mark.parametrize("parts", ANSWERS)
def test_a_stream_grows_into_the_answer(parts):
    whole = to_chat_response(answer(*parts))
    *growing, last = streamed(answer(*parts))
    assert last.message == whole.message
    assert (last.delta, last.raw) == ("", whole.raw)
    assert all(one.raw is None for one in growing)
    said = "".join([part.text for part in parts if isinstance(part, TextPart)])
    assert "".join([one.delta for one in growing]) == said
    thought = "".join([part.text for part in parts if isinstance(part, ReasoningPart)])
    thinking = [one.additional_kwargs.get("thinking_delta", "") for one in growing]
    assert "".join(thinking) == thought
    shown = [block.block_type for block in growing[-1].message.blocks]
    assert shown == [b.block_type for b in last.message.blocks if b.block_type != "citation"]
    for before, after in pairwise(growing):
        assert (after.message.content or "").startswith(before.message.content or "")
        assert len(before.message.blocks) <= len(after.message.blocks)


def test_blocks_of_an_answer():
    response = answer(THOUGHT, TextPart("ab"), TextPart("cd", (CITED,)), CALL, SEARCH)
    message = to_chat_response(response).message
    assert message.content == "abcd"
    thinking, text, citation, call = message.blocks
    assert (thinking.content, thinking.additional_information) == (
        "2 and 2",
        {"issuer": "anthropic", "signature": "SIG"},
    )
    assert text.text == "abcd"
    assert (citation.source, citation.title, citation.cited_content.text) == (
        "https://a.b",
        "Rivers",
        "wet",
    )
    assert citation.additional_location_info == {"start": 0, "end": 1}
    assert (call.tool_call_id, call.tool_name, call.tool_kwargs) == (
        "c1",
        "look",
        {"q": "x", "n": 1},
    )
    assert message.additional_kwargs["tool_calls"] == [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "look", "arguments": '{"q": "x", "n": 1}'},
        }
    ]
    assert message.additional_kwargs[OPAQUE] == [
        {"issuer": "anthropic", "payload": dict(SEARCH.payload)}
    ]


def test_the_plain_forms_need_no_record():
    for parts in ((TextPart("hi"),), (CALL,), (TextPart("Well"), CALL)):
        assert KEY not in to_chat_response(answer(*parts)).message.additional_kwargs


def test_arguments_cut_short_stay_text():
    response = answer(ToolCallPart("c1", "f", '{"a": 1, "b'), finish_reason="length")
    (block,) = to_chat_response(response).message.blocks
    assert block.tool_kwargs == '{"a": 1, "b'


def test_whoever_edits_a_message_has_the_last_word():
    message = to_chat_response(answer(THOUGHT, TextPart("4"), CALL)).message
    message.blocks[1] = TextBlock(text="five")
    message.blocks[2] = ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={"q": "y"})
    message.additional_kwargs["tool_calls"][0]["function"]["arguments"] = "no JSON"
    assert read(message).parts == (
        THOUGHT,
        TextPart("five"),
        ToolCallPart("c1", "look", '{"q":"y"}'),
    )


def test_sound_that_openai_keeps_is_named_by_its_id():
    part = AudioPart(data=WAV64, file_id="audio_1", media_type="audio/mpeg", transcript="hi")
    message = to_chat_response(answer(part)).message
    assert message.blocks[0].format == "mp3"
    assert read(message).parts == (AudioPart(file_id="audio_1", issuer="openai"),)


# -- beside the message ------------------------------------------------------------------------


def test_raw_tells_who_answered_and_what_it_cost():
    response = answer(
        TextPart("hi"),
        usage=Usage(10, 20, 3, 4, 5, 6, 7),
        logprobs={"content": []},
        extra={"system_fingerprint": "fp"},
    )
    assert to_chat_response(response).raw == {
        "system_fingerprint": "fp",
        "id": "answer-1",
        "model": "tiny-1",
        "provider": "acme",
        "finish_reason": "stop",
        "logprobs": {"content": []},
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 30,
            "prompt_tokens_details": {
                "cached_tokens": 3,
                "cache_write_tokens": 4,
                "audio_tokens": 6,
            },
            "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 7},
        },
        "llmrouter": account_of(response),
    }


def test_token_counters_read_it():
    chat = to_chat_response(answer(TextPart("hi")))
    last = streamed(answer(TextPart("hi")))[-1]
    for one in (chat, to_completion(chat), last, to_completion(last)):
        assert get_tokens_from_response(one) == (5, 3)


def test_log_probabilities():
    def logprobs(said):
        chat = to_chat_response(answer(TextPart("hi"), logprobs=said))
        return chat.logprobs and [[(p.token, p.logprob) for p in each] for each in chat.logprobs]

    hi = {"token": "hi", "logprob": -0.1, "bytes": None}
    ho = {"token": "ho", "logprob": -2.0, "bytes": [104, 111]}
    assert logprobs({"content": [{**hi, "top_logprobs": []}]}) == [[("hi", -0.1)]]
    assert logprobs({"content": [{**hi, "top_logprobs": [hi, ho]}]}) == [[("hi", -0.1), ("ho", -2)]]
    assert logprobs([["gemini's", "own"]]) is None


def test_a_chunk_with_nothing_to_read_is_not_handed_on():
    def chunks():
        yield Chunk(id="x", model="m")
        yield Chunk(finish_reason="stop")
        yield Chunk((TextDelta("!"),), response=answer(TextPart("hi!")))

    first, second = stream_responses(chunks())
    assert (first.delta, first.raw) == ("!", None)
    assert (second.delta, second.message.content) == ("", "hi!")


# -- any answer --------------------------------------------------------------------------------

words = st.text(alphabet="ab \n\u00e9", min_size=1, max_size=6)
marks = st.sampled_from([{}, {"signature": "S", "issuer": "gemini"}])
arguments = st.dictionaries(words, st.one_of(st.integers(), words, st.none()), max_size=2)
any_parts = st.lists(
    st.one_of(
        st.builds(lambda text, said: TextPart(text, **said), words, marks),
        st.builds(lambda text: TextPart(text, (CITED,)), words),
        st.builds(lambda text, said: ReasoningPart(text, **said), words, marks),
        st.builds(
            ReasoningPart, issuer=st.just("anthropic"), signature=words, redacted=st.just(True)
        ),
        st.builds(RefusalPart, words),
        st.builds(
            lambda call_id, said, spaced, of: ToolCallPart(
                f"c{call_id}", "look", json.dumps(said, indent=1 if spaced else None), **of
            ),
            st.uuids(),
            arguments,
            st.booleans(),
            marks,
        ),
        st.builds(lambda at: OpaquePart("anthropic", {"id": at}), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(any_parts)
def test_any_answer_goes_back_as_it_came(parts):
    response = answer(*parts)
    for chat in (to_chat_response(response), streamed(response)[-1]):
        stored = ChatMessage.model_validate(orjson.loads(chat.message.model_dump_json()))
        assert read(chat.message).parts == read(stored).parts == tuple(parts)
