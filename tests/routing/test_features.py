"""What is seen in a request: task, needs, size."""

from __future__ import annotations

import base64

import pytest

from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.hints import TASKS as TASKS_KNOWN
from llmrouter_integrations.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OutputFormat,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.routing import task, task_model
from llmrouter_integrations.routing.features import (
    TYPICAL_OUTPUT_TOKENS,
    estimate_tokens,
    read_features,
    read_tasks,
)
from llmrouter_integrations.routing.task import SURE
from llmrouter_integrations.routing.task_model import BUCKETS, TaskModel


def user(*parts):
    return Message("user", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


TASKS = [
    ("Write a Python function that merges two dicts", "code"),
    ("Fix this:\n```\nfor i in range(3) print(i)\n```", "code"),
    ("Solve the equation x^2 - 5x + 6 = 0", "math"),
    (
        "Summarize the following article in three sentences.\n" + "Trade grew. " * 200,
        "summarization",
    ),
    ("Translate to German: good morning", "translation"),
    ("Write a haiku about autumn", "creative"),
    ("Extract all names and dates from the text below.\n" + "Anna met Bob. " * 50, "extraction"),
    ("Classify the sentiment of this review: I loved it", "classification"),
    ("The treaty was signed in 1648. " * 40 + "When was the treaty signed?", "qa"),
    ("Hello, how are you today", "chat"),
    ("", "chat"),
]


@pytest.mark.parametrize(("text", "task"), TASKS)
def test_the_task_is_told_from_the_words_of_the_instruction(text, task):
    assert read_features(Request((user(text),)), EMPTY).task == task


def test_quoted_text_does_not_decide_the_task():
    document = "def f(): return SQL exception traceback refactor python " * 60
    text = f"Summarize the text below for a manager, please. {'x ' * 160}{document}{'y ' * 160}"
    assert read_features(Request((user(text),)), EMPTY).task == "summarization"


@pytest.mark.parametrize(
    ("request_", "task", "source"),
    [
        (Request((user("Write python code"),), tools=(Tool("f"),)), "tool_use", "structure"),
        (Request((user("What is this?", ImagePart(url="u")),)), "vision", "structure"),
        (Request((user("word " * 40_000),)), "long_context", "structure"),
        (Request((user("John is 3"),), output=OutputFormat()), "extraction", "structure"),
        (Request((user("Is 91 prime?"),), output=OutputFormat()), "math", "classifier"),
        (Request((user(""),), output=OutputFormat()), "extraction", "structure"),
        (Request((user("hi"),)), "chat", "classifier"),
        (Request((user(""),)), "chat", "default"),
        (
            Request((user("hi"),), tools=(NativeTool("openai", {"type": "web_search"}),)),
            "chat",
            "classifier",
        ),
    ],
)
def test_structure_tells_the_task_before_words(request_, task, source):
    features = read_features(request_, EMPTY)
    assert (features.task, features.task_source) == (task, source)


TRANSLATE = Message("system", (TextPart("Translate everything the user writes to French."),))
HELPFUL = Message("system", (TextPart("You are a helpful assistant."),))


@pytest.mark.parametrize(
    ("messages", "task"),
    [
        ((TRANSLATE, user("The meeting starts at nine.")), "translation"),
        ((HELPFUL, user("What is the capital of Peru?")), "chat"),
        ((HELPFUL, user("Write a haiku about autumn")), "creative"),
        ((user('Translate "good morning" to German'), user("and in French?")), "translation"),
        ((user("Write a poem about the sea"), user("make it shorter")), "creative"),
        ((user("Write a poem about the sea"), user("Solve x^2 - 5x + 6 = 0")), "math"),
        ((user("Write a poem about the sea"), user("")), "creative"),
    ],
)
def test_what_was_said_before_helps_where_the_last_turn_does_not_say(messages, task):
    assert read_features(Request(messages), EMPTY).task == task


def test_what_is_not_sure_is_left_to_the_default(monkeypatch):
    tasks = ("code", "math", "chat", "qa", "creative")
    torn = TaskModel(tasks, 1.0, (0.1, 0.0, 0.0, 0.0, 0.0), bytes([128]) * BUCKETS * len(tasks))
    for module in (task, task_model):
        monkeypatch.setattr(module, "shipped", lambda: torn)
    seen = read_features(Request((user("what no other test here asks"),)), EMPTY)
    assert (seen.task, seen.task_source) == ("chat", "default")
    assert 0 < seen.task_probability < SURE
    assert [odds.task for odds in seen.odds] == ["chat", "code", "math", "overall"]
    assert sum(odds.probability for odds in seen.odds) == pytest.approx(1)
    *told, rest = seen.odds
    assert min(o.difficulty for o in told) < seen.difficulty < max(o.difficulty for o in told)
    assert rest.difficulty == seen.difficulty
    assert TYPICAL_OUTPUT_TOKENS["chat"] < seen.output_tokens < TYPICAL_OUTPUT_TOKENS["code"]


def test_what_is_likelier_than_all_else_has_no_odds():
    assert read_features(Request((user("Solve x^2 - 5x + 6 = 0"),)), EMPTY).odds == ()


def test_the_tasks_of_a_request_with_their_probabilities():
    request = Request((user("Solve the equation x^2 - 5x + 6 = 0"),))
    seen = read_features(request, EMPTY)
    chances = read_tasks(request, seen)
    assert next(iter(chances.items())) == ("math", seen.task_probability)
    assert set(chances) == set(TASKS_KNOWN)
    assert sum(chances.values()) == pytest.approx(1)
    tooled = Request((user("hi"),), tools=(Tool("f"),))
    assert read_tasks(tooled, read_features(tooled, EMPTY))["tool_use"] == 1


def test_the_caller_knows_best():
    request = Request((user("Write python code"),), tools=(Tool("f"),))
    features = read_features(request, RoutingHints(task="math"))
    assert (features.task, features.task_source) == ("math", "hint")


@pytest.mark.parametrize(
    ("part", "need"),
    [
        (ImagePart(data="aGk="), "image"),
        (AudioPart(data="aGk="), "audio"),
        (FilePart(data="aGk=", media_type="application/pdf"), "pdf"),
        (FilePart(data="aGk=", media_type="video/mp4"), "video"),
        (FilePart(data="aGk=", media_type="image/png"), "image"),
        (FilePart(url="https://example.com/a.mp3", media_type="audio/mpeg"), "audio"),
        (FilePart(data="aGk="), "pdf"),
        (FilePart(url="https://example.com/a.txt", media_type="text/plain"), "pdf"),
        (FilePart(data="aGk=", media_type="application/vnd.ms-excel"), "pdf"),
        (ToolResultPart("1", (ImagePart(data="aGk="),)), "image"),
    ],
)
def test_parts_tell_what_a_target_must_be_able_to_take(part, need):
    assert need in read_features(Request((user(part),)), EMPTY).needs


def test_tools_that_must_not_be_called_are_no_need():
    request = Request((user("hi"),), tools=(Tool("f"),), tool_choice="none")
    assert read_features(request, EMPTY).needs == frozenset()


@pytest.mark.parametrize(
    "part",
    [
        FilePart(text="plain", media_type="text/plain"),
        FilePart(data="aGk=", media_type="text/plain"),
        FilePart(data="aGk=", media_type="text/csv"),
        FilePart(data="aGk=", media_type="text/x-python"),
        FilePart(data="aGk=", media_type="application/json"),
        FilePart(data="aGk=", media_type="application/ld+json"),
        FilePart(data="aGk=", media_type="application/x-yaml"),
    ],
)
def test_a_text_file_needs_nothing(part):
    assert read_features(Request((user(part),)), EMPTY).needs == frozenset()


def test_a_text_file_is_as_long_as_its_text():
    text = "The quick brown fox jumps over the lazy dog. " * 200
    data = base64.b64encode(text.encode()).decode()
    lengths = [
        read_features(Request((user(part),)), EMPTY).input_tokens
        for part in (text, FilePart(data=data, media_type="text/plain"))
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.01)


SEARCH = NativeTool("openai", {"type": "web_search"})


@pytest.mark.parametrize(
    ("tools", "choice", "native", "required"),
    [
        ((SEARCH,), None, {"openai"}, False),
        ((SEARCH, NativeTool("gemini", {})), "auto", {"openai", "gemini"}, False),
        ((SEARCH,), "required", {"openai"}, True),
        ((SEARCH, Tool("f")), "required", {"openai"}, False),
        ((SEARCH, Tool("f")), "f", {"openai"}, False),
        ((SEARCH,), "none", set(), False),
    ],
)
def test_whose_own_tools_are_on_offer(tools, choice, native, required):
    features = read_features(Request((user("hi"),), tools=tools, tool_choice=choice), EMPTY)
    assert (features.native_tools, features.native_required) == (native, required)


@pytest.mark.parametrize(
    ("text", "chars_a_token"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 4.0),
        ("Der schnelle braune Fuchs springt über den faulen Hund. " * 20, 3.8),
        ("素早い茶色の狐がのろまな犬を飛び越える。" * 20, 0.95),
    ],
)
def test_token_estimates_follow_the_script(text, chars_a_token):
    assert len(text) / estimate_tokens(text) == pytest.approx(chars_a_token, rel=0.05)


def test_max_tokens_bounds_the_expected_answer():
    short = read_features(Request((user("hi"),), max_tokens=5), EMPTY)
    assert short.output_tokens == 5
    assert read_features(Request((user("hi"),)), EMPTY).output_tokens > 5


def _nested(depth):
    schema = {}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("schema", [_nested(3000), {"type": {1, 2}}], ids=["deep", "no JSON"])
def test_a_schema_that_cannot_be_written_is_the_codecs_to_refuse(schema):
    request = Request((user("hi"),), tools=(Tool("f", parameters=schema),))
    assert read_features(request, EMPTY).input_tokens > 0


def test_half_a_character_is_the_codecs_to_refuse():
    assert estimate_tokens("a\ud800b") > 0


@pytest.mark.parametrize(
    ("history", "needs", "earlier"),
    [
        (("user image",), {"image"}, set()),
        (("user image", "user"), {"image"}, set()),
        (("user image", "assistant", "user"), set(), {"image"}),
        (("user image", "assistant", "user image"), {"image"}, set()),
        (("user image", "call", "result"), {"image"}, set()),
        (("user", "call", "result image"), {"image"}, set()),
        (("user", "call", "result image", "assistant", "user"), set(), {"image"}),
        (("user image", "assistant"), {"image"}, set()),
    ],
)
def test_what_only_answered_turns_show_is_told_apart(history, needs, earlier):
    made = {
        "user": Message("user", (TextPart("q"),)),
        "user image": Message("user", (ImagePart(data="aGk="),)),
        "assistant": Message("assistant", (TextPart("a"),)),
        "call": Message("assistant", (TextPart("a"), ToolCallPart("1", "f"))),
        "result": Message("tool", (ToolResultPart("1"),)),
        "result image": Message("tool", (ToolResultPart("1", (ImagePart(data="aGk="),)),)),
    }
    features = read_features(Request(tuple(made[turn] for turn in history)), EMPTY)
    assert (set(features.needs), set(features.earlier_needs)) == (needs, earlier)
    assert features.task == "vision"
