from __future__ import annotations

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.langchain.to_request import messages_from, to_request
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    Citation,
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

PNG = "iVBORw0KGgo="
CALL = {"name": "look", "args": {"city": "Köln"}, "id": "c1", "type": "tool_call"}
CALL_PART = ToolCallPart("c1", "look", '{"city":"Köln"}')


def read(message):
    (found,) = messages_from([message])
    return found


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (HumanMessage("hi"), Message("user", (TextPart("hi"),))),
        (HumanMessage("hi", name="ann"), Message("user", (TextPart("hi"),), "ann")),
        (HumanMessage(["a", "", "b"]), Message("user", (TextPart("a"), TextPart("b")))),
        (SystemMessage("be brief"), Message("system", (TextPart("be brief"),))),
        (
            SystemMessage("be brief", additional_kwargs={"__openai_role__": "developer"}),
            Message("developer", (TextPart("be brief"),)),
        ),
        (ChatMessage("x", role="user"), Message("user", (TextPart("x"),))),
        (ChatMessage("x", role="assistant"), Message("assistant", (TextPart("x"),))),
        (ChatMessage("x", role="critic"), Message("user", (TextPart("x"),), "critic")),
        (AIMessage(""), Message("assistant", ())),
        (AIMessage("", tool_calls=[CALL]), Message("assistant", (CALL_PART,))),
        (
            AIMessage("Well", tool_calls=[CALL], name="bot"),
            Message("assistant", (TextPart("Well"), CALL_PART), "bot"),
        ),
        (
            AIMessage(
                "",
                invalid_tool_calls=[
                    {
                        "name": "f",
                        "args": '{"a',
                        "id": "c2",
                        "error": None,
                        "type": "invalid_tool_call",
                    }
                ],
            ),
            Message("assistant", (ToolCallPart("c2", "f", '{"a'),)),
        ),
        (
            AIMessage("", additional_kwargs={"refusal": "No."}),
            Message("assistant", (RefusalPart("No."),)),
        ),
        (
            AIMessage("hi", additional_kwargs={"audio": {"id": "au1", "transcript": "hi"}}),
            Message(
                "assistant",
                (TextPart("hi"), AudioPart(file_id="au1", transcript="hi", issuer="openai")),
            ),
        ),
        (
            ToolMessage("18 C", tool_call_id="c1", name="look", artifact={"kept": "here"}),
            Message("tool", (ToolResultPart("c1", (TextPart("18 C"),), "look"),)),
        ),
        (
            ToolMessage("", tool_call_id="c1"),
            Message("tool", (ToolResultPart("c1"),)),
        ),
        (
            ToolMessage("no such city", tool_call_id="c1", status="error"),
            Message("tool", (ToolResultPart("c1", (TextPart("no such city"),), is_error=True),)),
        ),
        (
            ToolMessage(
                [
                    {"type": "text", "text": "a map", "cache_control": {"type": "ephemeral"}},
                    {"type": "image", "base64": PNG, "mime_type": "image/png"},
                ],
                tool_call_id="c1",
            ),
            Message(
                "tool",
                (
                    ToolResultPart(
                        "c1", (TextPart("a map"), ImagePart(PNG, media_type="image/png"))
                    ),
                    CachePoint(),
                ),
            ),
        ),
    ],
)
def test_messages(message, expected):
    assert read(message) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # OpenAI's chat completions
        ({"type": "image_url", "image_url": "https://x/y.png"}, ImagePart(url="https://x/y.png")),
        (
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
            ImagePart(url="https://x/y.png", detail="low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ImagePart(PNG, media_type="image/png"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
            AudioPart("UklG", media_type="audio/mpeg"),
        ),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
            FilePart("JVBE", media_type="application/pdf", name="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, FilePart(file_id="f1", issuer="openai")),
        # OpenAI's Responses
        ({"type": "input_text", "text": "hi"}, TextPart("hi")),
        ({"type": "input_image", "image_url": "https://x/y.png"}, ImagePart(url="https://x/y.png")),
        (
            {"type": "input_file", "filename": "a.pdf", "file_url": "https://x/a.pdf"},
            FilePart(url="https://x/a.pdf", name="a.pdf"),
        ),
        (
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "E",
            },
            ReasoningPart("hm", "openai", "E", item_id="rs_1"),
        ),
        (
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "f",
                "arguments": '{"a":1}',
                "id": "fc_1",
            },
            ToolCallPart("c1", "f", '{"a":1}', item_id="fc_1", issuer="openai"),
        ),
        (
            {"type": "web_search_call", "id": "ws_1"},
            OpaquePart("openai", {"type": "web_search_call", "id": "ws_1"}),
        ),
        # Anthropic
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ImagePart(PNG, media_type="image/png"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f1"}},
            ImagePart(file_id="f1", issuer="anthropic"),
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                "title": "T",
                "citations": {"enabled": True},
            },
            FilePart(text="words", media_type="text/plain", name="T", citations=True),
        ),
        (
            {
                "type": "document",
                "source": {"type": "content", "content": [{"type": "text", "text": "a"}, "b"]},
            },
            FilePart(text="a\nb", media_type="text/plain"),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
            FilePart(url="https://x/a.pdf"),
        ),
        (
            {
                "type": "search_result",
                "source": "https://x",
                "title": "T",
                "content": [{"type": "text", "text": "found"}],
            },
            FilePart(text="found", media_type="text/plain", name="T"),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "S"},
            ReasoningPart("hm", "anthropic", "S"),
        ),
        (
            {"type": "redacted_thinking", "data": "R"},
            ReasoningPart(issuer="anthropic", signature="R", redacted=True),
        ),
        ({"type": "tool_use", "id": "c1", "name": "f", "input": {}}, ToolCallPart("c1", "f", "{}")),
        (
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
            OpaquePart(
                "anthropic",
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
            ),
        ),
        # Mistral, Bedrock, Gemini
        (
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            ReasoningPart("hm", "mistral"),
        ),
        (
            {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "S"}},
            ReasoningPart("hm", "bedrock", "S"),
        ),
        (
            {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://b/v"},
            FilePart(url="gs://b/v", media_type="video/mp4"),
        ),
        (
            {"type": "media", "mime_type": "application/pdf", "data": b"%PDF"},
            FilePart("JVBERg==", media_type="application/pdf"),
        ),
        ({"cachePoint": {"type": "default"}}, CachePoint()),
        (
            {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
            ImagePart("iVBORw==", media_type="image/png"),
        ),
        # LangChain's own, version 0
        (
            {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
            ImagePart(PNG, media_type="image/png"),
        ),
        (
            {"type": "image", "source_type": "url", "url": "https://x/y"},
            ImagePart(url="https://x/y"),
        ),
        ({"type": "file", "source_type": "id", "id": "f1"}, FilePart(file_id="f1")),
        (
            {"type": "file", "source_type": "text", "text": "words", "mime_type": "text/plain"},
            FilePart(text="words", media_type="text/plain"),
        ),
        # LangChain's own, version 1
        ({"type": "image", "url": "https://x/y"}, ImagePart(url="https://x/y")),
        (
            {"type": "audio", "base64": "UklG", "mime_type": "audio/wav"},
            AudioPart("UklG", media_type="audio/wav"),
        ),
        (
            {"type": "video", "base64": "AAAA", "mime_type": "video/webm"},
            FilePart("AAAA", media_type="video/webm"),
        ),
        (
            {
                "type": "file",
                "base64": "JVBE",
                "mime_type": "application/pdf",
                "extras": {"filename": "a.pdf"},
            },
            FilePart("JVBE", media_type="application/pdf", name="a.pdf"),
        ),
        ({"type": "file", "file_id": "f1"}, FilePart(file_id="f1")),
        (
            {"type": "text-plain", "text": "words", "title": "T", "mime_type": "text/plain"},
            FilePart(text="words", media_type="text/plain", name="T"),
        ),
        (
            {
                "type": "text",
                "text": "a",
                "annotations": [
                    {"type": "citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
                ],
            },
            TextPart("a", (Citation("u", "t", None, 0, 1),)),
        ),
        ({"type": "reasoning", "reasoning": "hm", "id": "lc_1"}, ReasoningPart("hm")),
        ({"type": "refusal", "refusal": "No."}, RefusalPart("No.")),
        ({"type": "tool_call", **CALL}, CALL_PART),
        (
            {
                "type": "non_standard",
                "value": {"type": "thinking", "thinking": "hm", "signature": "S"},
            },
            ReasoningPart("hm", "anthropic", "S"),
        ),
        (
            {"type": "server_tool_call", "id": "s", "name": "n", "args": {}},
            OpaquePart(
                "langchain", {"type": "server_tool_call", "id": "s", "name": "n", "args": {}}
            ),
        ),
        ({"type": "hologram", "x": 1}, OpaquePart("langchain", {"type": "hologram", "x": 1})),
    ],
)
def test_blocks(block, expected):
    assert read(HumanMessage(["see", block])).parts == (TextPart("see"), expected)


def test_cache_points_follow_what_they_cache():
    message = HumanMessage(
        [
            {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "short", "extras": {"cache_control": {"type": "ephemeral"}}},
        ]
    )
    assert read(message).parts == (
        TextPart("long"),
        CachePoint("1h"),
        TextPart("short"),
        CachePoint(),
    )


def test_the_context_of_a_document_goes_before_it():
    block = {"type": "document", "source": {"type": "url", "url": "https://x"}, "context": "2024"}
    assert read(HumanMessage([block])).parts == (TextPart("2024"), FilePart(url="https://x"))


def test_tool_results_in_a_users_turn_become_a_tool_turn():
    message = HumanMessage(
        [
            {"type": "tool_result", "tool_use_id": "c1", "content": "18 C", "is_error": True},
            {
                "type": "tool_result",
                "tool_use_id": "c2",
                "content": [{"type": "text", "text": "ok"}],
            },
            {"type": "text", "text": "and now?"},
        ]
    )
    assert messages_from([message]) == [
        Message(
            "tool",
            (
                ToolResultPart("c1", (TextPart("18 C"),), is_error=True),
                ToolResultPart("c2", (TextPart("ok"),)),
            ),
        ),
        Message("user", (TextPart("and now?"),)),
    ]
    only = HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "18 C"}])
    assert [m.role for m in messages_from([only])] == ["tool"]


def test_old_function_calls_get_an_id_that_ties_them_to_their_result():
    call = AIMessage(
        "", additional_kwargs={"function_call": {"name": "f", "arguments": '{"a": 1}'}}
    )
    first, second = messages_from([call, FunctionMessage("2", name="f")])
    assert first.parts == (ToolCallPart("function_f_0", "f", '{"a": 1}'),)
    assert second.parts == (ToolResultPart("function_f_0", (TextPart("2"),), "f"),)


def test_a_call_that_was_edited_is_sent_as_edited_and_where_it_stood():
    message = AIMessage(
        [
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"city": "Rome"}},
            {"type": "text", "text": "after"},
        ],
        tool_calls=[CALL, {"name": "extra", "args": {}, "id": "c9", "type": "tool_call"}],
    )
    assert read(message).parts == (CALL_PART, TextPart("after"), ToolCallPart("c9", "extra", "{}"))


@pytest.mark.parametrize(
    ("besides", "metadata", "expected"),
    [
        ({"reasoning_content": "hm"}, {}, ReasoningPart("hm")),
        (
            {"reasoning_details": [{"type": "reasoning.text"}]},
            {},
            ReasoningPart(
                issuer="openrouter", raw={"reasoning_details": [{"type": "reasoning.text"}]}
            ),
        ),
        (
            {"reasoning": {"id": "rs_1", "summary": [{"text": "hm"}], "encrypted_content": "E"}},
            {},
            ReasoningPart("hm", "openai", "E", item_id="rs_1"),
        ),
    ],
)
def test_reasoning_that_other_integrations_keep_beside_the_content(besides, metadata, expected):
    message = AIMessage("4", additional_kwargs=besides, response_metadata=metadata)
    assert read(message).parts == (expected, TextPart("4"))


def test_other_integrations_standard_blocks_know_their_issuer():
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "S"}},
            {"type": "text", "text": "4"},
        ],
        response_metadata={"model_provider": "google_genai", "output_version": "v1"},
    )
    assert read(message).parts == (ReasoningPart("hm", "gemini", "S"), TextPart("4"))


def test_gemini_signatures_of_calls_are_kept():
    message = AIMessage(
        "",
        tool_calls=[CALL],
        additional_kwargs={"__gemini_function_call_thought_signatures__": {"c1": "S"}},
    )
    assert read(message).parts == (
        ToolCallPart("c1", "look", '{"city":"Köln"}', signature="S", issuer="gemini"),
    )


def test_a_chunk_is_read_as_the_message_it_adds_up_to():
    chunk = AIMessageChunk(
        "hi",
        tool_call_chunks=[{"name": "look", "args": '{"city":"Köln"}', "id": "c1", "index": 0}],
    )
    assert read(chunk).parts == (TextPart("hi"), CALL_PART)


def test_subclasses_are_read_as_what_they_are():
    class Ours(HumanMessage):
        pass

    assert read(Ours("hi")) == Message("user", (TextPart("hi"),))


def test_what_no_model_can_read_is_an_error():
    with pytest.raises(InvalidRequestError, match="RemoveMessage"):
        messages_from([RemoveMessage(id="x")])


def test_parameters_go_into_the_request():
    request = to_request([HumanMessage("hi")], {"temperature": 0.5, "stop": ["x"], "seed": None})
    assert (request.temperature, request.stop, request.seed) == (0.5, ("x",), None)
    with pytest.raises(InvalidRequestError, match="temperature"):
        to_request([HumanMessage("hi")], {"temprature": 0.5})


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage([{"type": "tool_x"}]),
        HumanMessage([{"type": "tool_x", "cache_control": {"type": "ephemeral"}}]),
        ChatMessage([{"type": "tool_x"}], role="user"),
        SystemMessage([{"type": "tool_x"}]),
    ],
)
def test_a_turn_of_which_nothing_is_left_does_not_vanish(message):
    said = rf"messages\[2\] \({type(message).__name__}\): .*'tool_x'"
    with pytest.raises(InvalidRequestError, match=said):
        messages_from([HumanMessage("hi"), AIMessage("Hello"), message])


@pytest.mark.parametrize(
    "message",
    [
        ToolMessage([{"a": 1}, "b"], tool_call_id="c1"),
        HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": [{"a": 1}, "b"]}]),
    ],
)
def test_what_a_tool_gave_is_told_as_json_where_it_is_no_block(message):
    (result,) = read(message).parts
    assert result.content == (TextPart('{"a":1}'), TextPart("b"))


def test_other_names_that_chat_openai_takes():
    function = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    said = {
        "functions": [function],
        "function_call": {"name": "look"},
        "reasoning": {"effort": "low"},
    }
    request = to_request([HumanMessage("hi")], {"seed": 1, **said})
    assert request == to_request(
        [HumanMessage("hi")],
        {
            "seed": 1,
            "tools": [{"type": "function", "function": function}],
            "tool_choice": "look",
            "reasoning_effort": "low",
        },
    )
    auto = to_request([HumanMessage("hi")], {"functions": [function], "function_call": "none"})
    assert auto.tool_choice == "none"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"extra_headers": {"x-a": "b"}}, "extra_headers .*`headers` in the target"),
        ({"reasoning": "low"}, "reasoning is 'low'.*effort"),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, "extra_body"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "give reasoning_effort"),
        ({"functions": {"name": "look"}}, "functions must be a list"),
    ],
)
def test_other_names_that_make_no_sense_are_told(params, said):
    with pytest.raises(InvalidRequestError, match=said):
        to_request([HumanMessage("hi")], params)
