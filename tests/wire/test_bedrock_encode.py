"""wire/bedrock.py, writing: (Request, model) -> body, headers, adjustments; and who is asking."""

from __future__ import annotations

import base64
import builtins
import datetime as dt
from dataclasses import replace
from urllib.parse import urlsplit

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import (
    AuthenticationError,
    ConfigurationError,
    MissingExtraError,
)
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire import aws_auth
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.bedrock import BedrockCodec
from llmrouter_integrations.wire.bedrock_messages import SEE_DOCUMENT, SEEN
from llmrouter_integrations.wire.structured import CONTINUE, JSON_TOOL, OPENING

CODEC = BedrockCodec()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
PNG = "iVBORw0KGgoAAA"
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
OPUS = "anthropic.claude-opus-5-5"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama4-scout-17b-instruct-v1:0"
MISTRAL = "mistral.pixtral-large-2502-v1:0"
PALMYRA = "writer.palmyra-x5-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
BASE = "https://bedrock-runtime.eu-west-1.amazonaws.com"
KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cret", "session_token": "tok"}


@pytest.fixture(autouse=True)
def _nobody_at_home(monkeypatch, tmp_path):
    """No credentials of this machine, and no network to look for any."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(aws_auth, "_FOUND", {})


def endpoint(model=HAIKU, **more):
    fields = {"name": "t", "provider": "bedrock", "base_url": BASE, "api_key": "bedrock-api-key-1"}
    return Endpoint(model=model, **(fields | more))


def user(*parts):
    return Message("user", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts):
    return Message("assistant", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def results(*parts):
    return Message("tool", parts)


def encode(request, *, stream=False, **where):
    encoded = CODEC.encode(request, endpoint(**where), stream=stream)
    return orjson.loads(encoded.http.body), encoded


def told(encoded):
    return [(a.parameter, a.action) for a in encoded.adjustments]


def test_the_smallest_request():
    body, encoded = encode(Request((user("hi"),)))
    assert body == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    assert encoded.http.url == (
        f"{BASE}/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    )
    headers = dict(encoded.http.headers)
    assert headers.pop("user-agent").startswith("llmrouter-integrations/")
    assert headers == {
        "content-type": "application/json",
        "authorization": "Bearer bedrock-api-key-1",
    }
    assert encoded.adjustments == ()
    assert encode(Request((user("hi"),)), stream=True)[1].http.url.endswith("/converse-stream")


def test_a_plain_request_in_full():
    body, encoded = encode(
        Request(
            (
                Message("system", (TextPart("Be brief."), CachePoint("1h"))),
                user("weather in Rome?", ImagePart(data=PNG)),
                assistant("Let me look.", ToolCallPart("tooluse_1", "weather", '{"city": "Rome"}')),
                results(ToolResultPart("tooluse_1", (TextPart("sunny"),)), CachePoint()),
                user("and tomorrow?"),
            ),
            tools=(replace(WEATHER, cache=True),),
            tool_choice="required",
            max_tokens=100,
            temperature=0.5,
            top_k=3,
            stop=("END", " "),
            service_tier="flex",
            extra={"bedrock": {"guardrailConfig": {"guardrailIdentifier": "g"}}},
        )
    )
    assert body == {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "weather in Rome?"},
                    {"image": {"format": "png", "source": {"bytes": PNG}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"text": "Let me look."},
                    {
                        "toolUse": {
                            "toolUseId": "tooluse_1",
                            "name": "weather",
                            "input": {"city": "Rome"},
                        }
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "sunny"}]}},
                    {"cachePoint": {"type": "default"}},
                    {"text": "and tomorrow?"},
                ],
            },
        ],
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "weather",
                        "description": "Tells the weather.",
                        "inputSchema": {"json": SCHEMA},
                    }
                },
                {"cachePoint": {"type": "default"}},
            ],
            "toolChoice": {"any": {}},
        },
        "additionalModelRequestFields": {"top_k": 3},
        "serviceTier": {"type": "flex"},
        "guardrailConfig": {"guardrailIdentifier": "g"},
    }
    assert told(encoded) == [("stop", "dropped"), ("cache point", "translated")]


def b64(text):
    return base64.b64encode(text.encode()).decode()


MEDIA = [
    (HAIKU, ImagePart(data="/9j/4AAQ"), {"image": {"format": "jpeg", "source": {"bytes": "/9j/4AAQ"}}}),
    (HAIKU, ImagePart(url=f"data:image/png;base64,{PNG}"), {"image": {"format": "png", "source": {"bytes": PNG}}}),
    (NOVA, ImagePart(url="s3://b/k.png", media_type="image/png"), {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k.png"}}}}),
    (NOVA, FilePart(data="AAAA", media_type="video/mp4"), {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}),
    (HAIKU, FilePart(text="words", name="my notes.txt"), {"document": {"format": "txt", "name": "my notes-txt", "source": {"bytes": b64("words")}}}),
    (HAIKU, FilePart(data="JVBERi0x", citations=True), {"document": {"format": "pdf", "name": "document", "source": {"bytes": "JVBERi0x"}, "citations": {"enabled": True}}}),
    (NOVA, FilePart(data="JVBERi0x", citations=True), {"document": {"format": "pdf", "name": "document", "source": {"bytes": "JVBERi0x"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "part", "block"), MEDIA)
def test_media(model, part, block):
    body, encoded = encode(Request((user("see", part),)), model=model)
    assert body["messages"][0]["content"][1] == block
    assert encoded.adjustments == ()


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (ImagePart(url="https://x/y.png"), "image"),
        (ImagePart(data="AAAA", media_type="image/tiff"), "image/tiff"),
        (FilePart(url="https://x/y"), "file"),
        (FilePart(data="AAAA", media_type="application/zip"), "application/zip"),
        (AudioPart(data="AAAA", media_type="audio/wav"), "audio/wav"),
        (AudioPart(url="https://x/y"), "audio"),
    ],
)
def test_what_cannot_be_read_leaves_a_note_in_a_tool_result(part, kind):
    call = assistant(ToolCallPart("t", "see"))
    result = Message("tool", (ToolResultPart("t", (part,)),))
    body, encoded = encode(Request((user("q"), call, result)))
    assert body["messages"][-1]["content"][0]["toolResult"]["content"] == [
        {"text": f"[{kind} left out: it cannot be read here]"}
    ]
    assert told(encoded) == [(kind, "dropped")]


def test_sound_for_a_model_that_hears_and_its_words_for_others():
    sound = AudioPart(data="AAAA", media_type="audio/wav", transcript="hello")
    hears = Abilities(input=frozenset({"text", "audio"}))
    body, _ = encode(Request((user(sound),)), model=NOVA, abilities=hears)
    assert body["messages"][0]["content"] == [
        {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}
    ]
    body, encoded = encode(Request((user(sound),)), model=NOVA)
    assert body["messages"][0]["content"] == [{"text": "hello"}]
    assert told(encoded) == [("audio", "translated")]


def test_documents_have_names_that_bedrock_takes_no_two_alike_and_text_beside_them():
    files = [FilePart(text="a", name=n) for n in ("plan/v2.md", "plan/v2.md", "  ", "x" * 300)]
    body, _ = encode(Request((user(*files),)))
    *documents, text = body["messages"][0]["content"]
    names = [d["document"]["name"] for d in documents]
    assert names == ["plan-v2-md", "plan-v2-md (2)", "document", "x" * 190]
    assert text == {"text": SEE_DOCUMENT}


THOUGHT = ReasoningPart("hm", "bedrock", "sig")


def test_what_bedrock_signed_comes_back_as_it_was():
    own = {"toolUse": {"toolUseId": "t", "name": "n", "type": "server_tool_use", "input": {}}}
    history = (
        user("q"),
        assistant(
            THOUGHT,
            ReasoningPart(issuer="bedrock", signature="eHl6", redacted=True),
            OpaquePart("bedrock", own),
            RefusalPart("no"),
        ),
        user("z"),
    )
    body, encoded = encode(Request(history))
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "eHl6"}},
        own,
        {"text": "no"},
    ]
    assert encoded.adjustments == ()


@pytest.mark.parametrize(
    ("part", "model"),
    [
        (THOUGHT, NOVA),
        (ReasoningPart("hm", "bedrock"), HAIKU),
        (ReasoningPart("hm", "anthropic", "sig"), HAIKU),
    ],
)
def test_reasoning_that_cannot_be_read_back_is_dropped(part, model):
    body, encoded = encode(Request((user("q"), assistant(part, "a"), user("z"))), model=model)
    assert body["messages"][1]["content"] == [{"text": "a"}]
    assert told(encoded) == [("reasoning", "dropped")]


def tool_turn(*content, error=False, then=()):
    return (
        user("q"),
        assistant(ToolCallPart("t", "f")),
        results(ToolResultPart("t", content, is_error=error)),
        *then,
    )


RESULTS = [
    (HAIKU, (TextPart("no"),), True, {"content": [{"text": "no"}], "status": "error"}),
    (PALMYRA, (TextPart("no"),), True, {"content": [{"text": "no"}]}),
    (HAIKU, (), False, {"content": [{"text": "(no output)"}]}),
    (MISTRAL, (TextPart("ok"),), False, {"content": [{"json": {"result": "ok"}}]}),
    (MISTRAL, (TextPart('{"a": 1}'),), False, {"content": [{"json": {"a": 1}}]}),
    (HAIKU, (ImagePart(data=PNG),), False, {"content": [{"image": {"format": "png", "source": {"bytes": PNG}}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "content", "error", "sent"), RESULTS)
def test_tool_results(model, content, error, sent):
    body, _ = encode(Request(tool_turn(*content, error=error), tools=(WEATHER,)), model=model)
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "t"} | sent}]


def test_media_that_a_result_may_not_hold_come_behind_it_or_not_at_all():
    video = FilePart(data="AAAA", media_type="video/mp4")
    body, _ = encode(Request(tool_turn(video), tools=(WEATHER,)), model=NOVA)
    result, behind = body["messages"][2]["content"]
    assert result["toolResult"]["content"] == [{"text": "[video: see below]"}]
    assert "video" in behind
    body, encoded = encode(Request(tool_turn(video), tools=(WEATHER,)), model=HAIKU)
    (result,) = body["messages"][2]["content"]
    assert "left out" in result["toolResult"]["content"][0]["text"]
    assert told(encoded) == [("video", "dropped")]


@pytest.mark.parametrize(
    ("model", "then", "roles"),
    [
        (HAIKU, user("so?"), ["user", "assistant", "user"]),
        (LLAMA, user("so?"), ["user", "assistant", "user", "assistant", "user"]),
        (HAIKU, user("see", FilePart(text="a")), ["user", "assistant", "user", "assistant", "user"]),
        (NOVA, user("see", FilePart(text="a")), ["user", "assistant", "user"]),
    ],
)  # fmt: skip
def test_results_stand_alone_where_they_must(model, then, roles):
    history = tool_turn(TextPart("ok"), then=(then,))
    body, _ = encode(Request(history, tools=(WEATHER,)), model=model)
    assert [m["role"] for m in body["messages"]] == roles
    if len(roles) == 5:
        assert body["messages"][3]["content"] == [{"text": SEEN}]


def test_a_history_with_calls_declares_its_tools():
    body, _ = encode(Request(tool_turn(TextPart("ok"))))
    (tool,) = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "f"
    assert "toolChoice" not in body["toolConfig"]


def test_cache_points():
    turns = (
        Message("system", (TextPart("s"), CachePoint())),
        user("a", CachePoint()),
        assistant("b"),
        user(CachePoint(), "c", CachePoint()),
    )
    request = Request(turns, tools=(replace(WEATHER, cache=True),))
    body, encoded = encode(request)
    assert [list(b) for m in body["messages"] for b in m["content"]] == [
        ["text"], ["cachePoint"], ["text"], ["cachePoint"], ["text"], ["cachePoint"],
    ]  # fmt: skip
    assert ["cachePoint" in b for b in body["toolConfig"]["tools"]] == [False]
    assert told(encoded) == [("cache point", "dropped")]
    body, encoded = encode(request, model=NOVA)
    assert b"cachePoint" in encoded.http.body
    assert told(encoded) == [("cache point", "dropped")]  # the tools' own
    body, encoded = encode(request, model=GPT)
    assert b"cachePoint" not in encoded.http.body
    assert told(encoded) == [("cache point", "dropped")]
    body, encoded = encode(Request((user(CachePoint(), "a"),)))
    assert body["messages"] == [{"role": "user", "content": [{"text": "a"}]}]


CHOICES = [
    (HAIKU, "auto", None, {"auto": {}}, None, []),
    (HAIKU, "required", None, {"any": {}}, None, []),
    (HAIKU, "weather", None, {"tool": {"name": "weather"}}, None, []),
    (HAIKU, None, False, None, {"type": "auto", "disable_parallel_tool_use": True}, []),
    (HAIKU, "weather", False, None, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}, []),
    (NOVA, None, False, None, None, [("parallel_tool_calls", "dropped")]),
    (NOVA, "required", None, {"any": {}}, None, []),
    (LLAMA, "auto", None, None, None, []),
    (LLAMA, "required", None, None, None, [("tool_choice", "translated")]),
    (OPUS, "weather", None, None, None, [("tool_choice", "translated")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CHOICES)
def test_tool_choice(case):
    model, choice, parallel, sent, own, adjusted = case
    body, encoded = encode(
        Request((user("q"),), tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel),
        model=model,
    )
    assert body["toolConfig"].get("toolChoice") == sent
    assert body.get("additionalModelRequestFields", {}).get("tool_choice") == own
    assert told(encoded) == adjusted
    assert ("system" in body) is (adjusted == [("tool_choice", "translated")])


def test_no_tools_wanted_means_none_offered_unless_the_history_calls_some():
    body, encoded = encode(Request((user("q"),), tools=(WEATHER,), tool_choice="none"))
    assert "toolConfig" not in body
    assert encoded.adjustments == ()
    body, encoded = encode(Request(tool_turn(TextPart("x")), tools=(WEATHER,), tool_choice="none"))
    assert "toolConfig" in body
    assert told(encoded) == [("tool_choice", "translated")]
    body, encoded = encode(Request((user("q"),), tool_choice="required"))
    assert told(encoded) == [("tool_choice", "dropped")]


def test_strict_and_native_tools():
    own = {"systemTool": {"name": "nova_code_interpreter"}}
    tools = (replace(WEATHER, strict=True), NativeTool("bedrock", own), NativeTool("openai", {}))
    body, encoded = encode(Request((user("q"),), tools=tools))
    spec, system = body["toolConfig"]["tools"]
    assert spec["toolSpec"]["strict"] is True
    assert spec["toolSpec"]["inputSchema"]["json"] == CLOSED
    assert system == own
    assert told(encoded) == [("tools", "dropped")]
    body, encoded = encode(Request((user("q"),), tools=tools[:1]), model=NOVA)
    assert "strict" not in body["toolConfig"]["tools"][0]["toolSpec"]
    assert told(encoded) == [("tools.strict", "dropped")]


def test_structured_output():
    output = OutputFormat(schema=SCHEMA, name="place", description="A place.")
    body, encoded = encode(Request((user("q"),), output=output))
    form = body["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    said = form["structure"]["jsonSchema"]
    assert (said["name"], said["description"]) == ("place", "A place.")
    assert orjson.loads(said["schema"]) == CLOSED
    assert encoded.adjustments == ()

    body, encoded = encode(Request((user("q"),), output=output), model=NOVA)
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": JSON_TOOL}}
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == SCHEMA
    assert told(encoded) == [("output", "translated")]

    body, _ = encode(Request((user("q"),), output=output, tools=(WEATHER,)), model=NOVA)
    assert body["toolConfig"]["toolChoice"] == {"any": {}}

    for model, wanted in ((LLAMA, output), (OPUS, output), (HAIKU, OutputFormat("json_object"))):
        body, encoded = encode(Request((user("q"),), output=wanted), model=model)
        assert "JSON" in body["system"][0]["text"]
        assert told(encoded) == [("output", "translated")]


EFFORTS = [
    # model, effort, max_tokens -> more fields, inferenceConfig, adjusted
    (NOVA, "low", None, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, {"temperature": 0.5}, []),
    (NOVA, "none", None, {"reasoningConfig": {"type": "disabled"}}, {"temperature": 0.5}, []),
    (NOVA, "xhigh", 9, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, {}, ["reasoning_effort", "max_tokens", "temperature"]),
    (GPT, "none", None, {"reasoning_effort": "low"}, {"temperature": 0.5}, ["reasoning_effort"]),
    (GPT, "high", None, {"reasoning_effort": "high"}, {"temperature": 0.5}, []),
    ("qwen.qwen3-32b-v1:0", "medium", None, {"reasoning_config": "low"}, {"temperature": 0.5}, ["reasoning_effort"]),
    (LLAMA, "high", None, None, {"temperature": 0.5}, ["reasoning_effort"]),
    (LLAMA, "none", None, None, {"temperature": 0.5}, []),
    (HAIKU, "low", None, {"thinking": {"type": "enabled", "budget_tokens": 4096}}, {"maxTokens": 64_000}, ["reasoning_effort", "temperature"]),
    (HAIKU, None, 70_000, None, {"maxTokens": 64_000, "temperature": 0.5}, ["max_tokens"]),
    (OPUS, "high", 500, {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}, {"maxTokens": 500}, ["temperature"]),
]  # fmt: skip


@pytest.mark.parametrize("case", EFFORTS)
def test_effort_in_each_familys_form(case):
    model, effort, most, more, inference, adjusted = case
    body, encoded = encode(
        Request((user("q"),), reasoning_effort=effort, max_tokens=most, temperature=0.5),
        model=model,
    )
    assert body.get("additionalModelRequestFields") == more
    assert body.get("inferenceConfig", {}) == inference
    assert [a.parameter for a in encoded.adjustments] == adjusted


def test_thinking_that_is_bound_to_its_conversation():
    history = tool_turn(TextPart("x"))
    history = (history[0], assistant(THOUGHT, ToolCallPart("t", "f")), history[2])
    body, _ = encode(Request(history, tools=(WEATHER,)), model=OPUS)
    more = body["additionalModelRequestFields"]
    assert more["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert more["anthropic_beta"] == ["thinking-binding-controls-2026-08-01"]
    body, _ = encode(
        Request(history, tools=(WEATHER,), reasoning_effort="none"),
        model="anthropic.claude-sonnet-5-5",
    )
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "between_tools"}}
    assert list(body["messages"][1]["content"][0]) == ["toolUse"]


@pytest.mark.parametrize(
    ("history", "choice"),
    [
        (tool_turn(TextPart("x")), None),
        ((user("q"), assistant("so")), None),
        ((user("q"),), "required"),
    ],
)
def test_thinking_by_budget_yields_to_what_it_cannot_go_with(history, choice):
    request = Request(history, tools=(WEATHER,), tool_choice=choice, reasoning_effort="low")
    body, encoded = encode(request)
    assert "additionalModelRequestFields" not in body
    assert ("reasoning_effort", "dropped") in told(encoded)


def test_sampling_of_other_families():
    request = Request((user("q"),), temperature=0.5, top_p=0.9, top_k=4)
    body, encoded = encode(request, model=NOVA)
    assert body["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9}
    assert body["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 4}}
    assert encoded.adjustments == ()
    body, encoded = encode(request, model=LLAMA, abilities=Abilities(temperature=False))
    assert "inferenceConfig" not in body
    assert [a.parameter for a in encoded.adjustments] == ["temperature", "top_p", "top_k"]


def test_the_conversation_begins_and_ends_with_the_user():
    body, encoded = encode(Request((assistant("Hello!"), user("hi"), assistant("so "))), model=NOVA)
    assert body["messages"][0]["content"] == [{"text": OPENING}]
    assert body["messages"][-1]["content"] == [{"text": CONTINUE}]
    assert told(encoded) == [("prefill", "translated")]
    body, encoded = encode(Request((user("q"), assistant("so "))))
    assert body["messages"][-1] == {"role": "assistant", "content": [{"text": "so"}]}
    body, _ = encode(Request((Message("system", (TextPart("Say hi."),)),)))
    assert body == {"messages": [{"role": "user", "content": [{"text": "Say hi."}]}]}


def test_parameters_that_the_protocol_lacks():
    _, encoded = encode(Request((user("q"),), seed=1, user="u", logprobs=True, service_tier="gold"))
    assert {a.parameter for a in encoded.adjustments} == {
        "seed",
        "user",
        "logprobs",
        "service_tier",
    }


ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1"


@pytest.mark.parametrize("model", [HAIKU, ARN, NOVA])
def test_the_request_is_botocores_own_to_the_last_byte_of_its_signature(model, monkeypatch):
    import botocore.auth
    from botocore.session import Session

    now = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: now)
    session = Session()
    session.set_credentials(*KEYS.values())
    client = session.create_client("bedrock-runtime", region_name="eu-west-1")
    sent = {}

    def capture(request, **_):
        sent.update(url=request.url, headers=request.headers, body=request.body)
        raise InterruptedError

    client.meta.events.register("before-send.bedrock-runtime.Converse", capture)
    with pytest.raises(InterruptedError):
        client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}])

    _, encoded = encode(
        Request((user("hi"),)), model=model, api_key=None, options={"region": "eu-west-1", **KEYS}
    )
    assert encoded.http.url == sent["url"]
    ours, theirs = dict(encoded.http.headers), sent["headers"]
    assert orjson.loads(encoded.http.body) == orjson.loads(sent["body"])
    assert ours["x-amz-date"] == theirs["X-Amz-Date"].decode()
    assert ours["x-amz-security-token"] == "tok"
    # Same bytes, same signature: sign what botocore sent with our own code.
    again = aws_auth.authorisation(
        endpoint(model=model, api_key=None, options={"region": "eu-west-1", **KEYS}),
        sent["url"],
        [("content-type", "application/json")],
        sent["body"],
    )
    assert dict(again)["authorization"] == theirs["Authorization"].decode()
    assert urlsplit(encoded.http.url).path.count("%3A") == model.count(":")


def test_headers_of_the_users_own_are_sent_and_amazons_are_signed():
    _, encoded = encode(
        Request((user("hi"),)),
        api_key=None,
        options=KEYS,
        headers=(("X-Amz-Source", "me"), ("x-team", "red")),
    )
    headers = dict(encoded.http.headers)
    assert headers["x-team"] == "red"
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert "x-amz-source" in signed
    assert "x-team" not in signed
    assert [k.lower() for k in headers].count("x-amz-source") == 1


def test_secrets_are_in_no_repr():
    where = endpoint(api_key=None, options=KEYS)
    encoded = CODEC.encode(Request((user("hi"),)), where, stream=False)
    assert "s3cret" not in repr(encoded)
    assert "AKIDEXAMPLE" not in repr(encoded)


def test_credentials_of_the_environment_are_found_once(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    for _ in range(2):
        _, encoded = encode(Request((user("hi"),)), api_key=None)
        assert "Credential=AKIDENV/" in dict(encoded.http.headers)["authorization"]
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)


def test_a_profiles_credentials(monkeypatch, tmp_path):
    (tmp_path / "credentials").write_text(
        "[team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = x\n"
    )
    _, encoded = encode(Request((user("hi"),)), api_key=None, options={"profile": "team"})
    assert "Credential=AKIDTEAM/" in dict(encoded.http.headers)["authorization"]
    with pytest.raises(AuthenticationError, match="could not be had"):
        encode(Request((user("hi"),)), api_key=None, options={"profile": "none such"})


def test_no_credentials_is_the_targets_fault_and_nothing_was_sent():
    with pytest.raises(AuthenticationError, match="no AWS credentials") as caught:
        encode(Request((user("hi"),)), api_key=None)
    assert caught.value.sent is False


def test_a_bedrock_key_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-env")
    _, encoded = encode(Request((user("hi"),)), api_key=None)
    assert dict(encoded.http.headers)["authorization"] == "Bearer from-env"
    _, encoded = encode(Request((user("hi"),)), api_key=None, options=KEYS)
    assert "AKIDEXAMPLE" in dict(encoded.http.headers)["authorization"]


def test_without_botocore_a_key_will_do_and_a_signature_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_botocore(name, *args, **kwargs):
        if name.startswith("botocore"):
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_botocore)
    encode(Request((user("hi"),)))
    with pytest.raises(MissingExtraError, match=r"llmrouter-integrations\[bedrock\]"):
        encode(Request((user("hi"),)), api_key=None, options=KEYS)


REGIONS = [
    ({"region": "us-west-2"}, BASE, {}, "us-west-2"),
    ({}, BASE, {"AWS_REGION": "us-east-1"}, "eu-west-1"),
    ({}, "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", {}, "us-gov-west-1"),
    ({}, "https://proxy.example", {"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
]


@pytest.mark.parametrize(("options", "base_url", "env", "region"), REGIONS)
def test_the_region(options, base_url, env, region, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert aws_auth.region_of(endpoint(options=options, base_url=base_url)) == region


def test_a_region_makes_the_url_and_none_is_an_error_of_configuration():
    _, encoded = encode(Request((user("hi"),)), base_url="", options={"region": "us-east-2"})
    assert encoded.http.url.startswith("https://bedrock-runtime.us-east-2.amazonaws.com/model/")
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        encode(Request((user("hi"),)), base_url="")
