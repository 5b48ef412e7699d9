"""Public prompts with the task each asks for, from the folder of shared data.

The task follows from where a prompt comes from: the set, the category, the template it was made by.
Sets that are kept for measuring only are told apart by ``trains``. What is ambiguous by nature (a
question to be written for a given answer) is left out.

A question of knowledge without a text to answer from is **chat**: "question answering" is over a
given text here. An examination question with options to choose from is **reasoning**, and
**math** where it is one of calculation.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Prompt", "read_sources"]


class Prompt(NamedTuple):
    """A prompt and its task.

    Attributes:
        source: The set it comes from; whole sources are left out to measure.
        group: What it shares its wording with: a template, a file, a kind of question.
        task: What it asks for.
        language: Its language.
        text: What is asked.
        trains: Whether it may be trained on.
    """

    source: str
    group: str
    task: str
    language: str
    text: str
    trains: bool = True


_SEEDS = {
    "code": "28 31 37 41 50 61 69 72 138 139 140 141 158",
    "math": "21 22 25 35 45 58 83 109 110 136 144",
    "reasoning": "1 15 53 132 155 161",
    "extraction": "13 26 39 67 85 135",
    "summarization": "62 64 137",
    "translation": "101 117",
    "creative": (
        "8 18 20 29 47 49 55 57 59 63 74 75 76 79 84 86 87 89 93 96 97 98 100 116 119 123 124 126 "
        "129"
    ),
    "chat": (
        "0 6 7 9 10 11 12 16 17 23 24 27 30 32 34 40 48 52 54 60 65 70 71 73 80 81 82 88 91 95 99 "
        "102 103 107 111 118 121 125 127 131 133 142 143 145 146"
    ),
    "classification": (
        "92 94 148 150 151 152 154 156 157 159 160 165 166 167 168 169 171 172 173 174"
    ),
}
"""Of the seed tasks, by number; those that could be either are left out."""
_VICUNA = {
    "generic": "chat",
    "knowledge": "chat",
    "common-sense": "chat",
    "counterfactual": "chat",
    "roleplay": "creative",
    "writing": "creative",
    "fermi": "reasoning",
    "coding": "code",
    "math": "math",
}
_T0 = tuple(
    (re.compile(pattern), task)
    for pattern, task in (
        (r"commonsense_qa_answer_given_question_without_options|kilt_tasks_.*", "chat"),
        (r"sciq_Direct_Question_Closed_Book_|wiki_qa_Direct_Answer_to_Question", "chat"),
        (r"commonsense_qa_(most|question).*|qasc.*|quarel.*|wiqa.*", "reasoning"),
        (r"sciq_Multiple_Choice_(Closed_Book_|Question_First)", "reasoning"),
        (r"social_i_qa_(?!Generate_the_question).*", "reasoning"),
        (r"cnn.*(generate_story|spice_up_story)|app_reviews_generate_review", "creative"),
        (r"common_gen_(Ex|Gi|Ig|Pu|ch|ra|topic_).*|dream_answer_to_dialogue", "creative"),
        (r"duorc_.*(build_story_around_qa|title_generation)", "creative"),
        (r"gigaword_(reverse_writing|write_an_article)|multi_news_expand.*", "creative"),
        (r"glue_mrpc_generate.*|paws.*paraphrase_task|samsum_Write_a_dialogue.*", "creative"),
        (r"wiki_bio_who", "creative"),
        (r"common_gen_(sentence_to|topics_from).*|wiki_bio_(key|what)_content", "extraction"),
        (r"wiki_hop_original_generate_.*", "extraction"),
        (r"cnn.*(2_or_3|news_summary|news_card|sum_in|tldr|outline).*", "summarization"),
        (r"gigaword.*|multi_news.*|samsum.*|xsum.*", "summarization"),
        (r"ag_news.*|amazon.*|app_reviews.*|dbpedia.*|glue.*|imdb.*|paws.*", "classification"),
        (
            r"rotten_tomatoes.*|trec.*|yelp.*|wiki_qa_(Dec|Is|Topic|aut|exe|found).*",
            "classification",
        ),
        (r"adversarial_qa_(?!.*generate_question).*|cosmos_qa_(con.*question|desc|no).*", "qa"),
        (r"dream_(baseline|read).*|duorc_(?!.*generate_question).*|ropes.*", "qa"),
        (r"qua(il|rtz)_(?!.*generate).*|quoref_(?!Guess_Title).*", "qa"),
        (r"sciq_(Direct_Question|Multiple_Choice)|wiki_hop_original_choose.*", "qa"),
    )
)
_BBH_MATH = {"multistep_arithmetic_two"}
_BBH_LEFT_OUT = {"salient_translation_error_detection", "ruin_names", "snarks"}
"""As much classification as reasoning."""
_LLMROUTER = {
    "math": "math",
    "mbpp": "code",
    "arc_challenge": "chat",  # without its options
    "gpqa": "reasoning",
    "agentverse-logicgrid": "reasoning",
    "trivia_qa": "chat",
    "natural_qa": "chat",
    "commonsense_qa": "chat",
}
"""MMLU's and GSM8K's questions are left to measure on, and HumanEval's stand in their own file;
commongen's are bare lists of words."""
_MMLU_MATH = {
    "abstract_algebra",
    "college_mathematics",
    "elementary_mathematics",
    "high_school_mathematics",
    "high_school_statistics",
}
_MMLU_LEFT_OUT = {"machine_learning", "high_school_computer_science", "econometrics"}
"""As much code or calculation as knowledge."""
_GSM8K = 900
"""Of its word problems: they are alike."""
_BBH_ROWS = 40
"""Of each of its files."""


def read_sources(folder: Path) -> Iterator[Prompt]:
    """Read the prompts of every public source, in a fixed order.

    Args:
        folder: The folder ``routing`` of the shared data; its INDEX.md names licences.
    """
    prompts = folder / "prompts"
    for row in _jsonl(prompts / "gsm8k_train.jsonl")[:_GSM8K]:
        yield Prompt("gsm8k", _fingerprint(row["question"]), "math", "en", row["question"])
    with gzip.open(prompts / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["prompt"]
            yield Prompt("humaneval", _fingerprint(text), "code", "en", text)
    for path in sorted((prompts / "bbh").glob("*.json")):
        if path.stem in _BBH_LEFT_OUT:
            continue
        task = "math" if path.stem in _BBH_MATH else "reasoning"
        for example in json.loads(path.read_text(encoding="utf-8"))["examples"][:_BBH_ROWS]:
            yield Prompt("bbh", f"bbh/{path.stem}", task, "en", example["input"])
    for row in _jsonl(prompts / "t0_templates.jsonl"):
        told = _t0_task(row["template"])
        if told is not None:
            yield Prompt("t0", f"t0/{row['template']}", told, "en", row["prompt"].strip())
    seeds = {int(n): task for task, listed in _SEEDS.items() for n in listed.split()}
    for number, row in enumerate(_jsonl(prompts / "self_instruct_seed_tasks.jsonl")):
        if number in seeds:
            given = row["instances"][0]["input"]
            text = f"{row['instruction']}\n\n{given}" if given else row["instruction"]
            yield Prompt("seed tasks", f"seed/{number}", seeds[number], "en", text)
    for number, row in enumerate(_jsonl(prompts / "vicuna_question.jsonl")):
        group = f"vicuna/{number}"
        yield Prompt("vicuna", group, _VICUNA[row["category"]], "en", row["turns"][0])
    for row in _csv(folder / "llmrouter_train.csv"):
        if (found := _LLMROUTER.get(row["task"])) is not None:
            yield Prompt(row["task"], _fingerprint(row["prompt"]), found, "en", row["prompt"])
    yield from _measured_only(folder)


def _measured_only(folder: Path) -> Iterator[Prompt]:
    for row in _csv(folder / "routellm_gsm8k_dev.csv"):
        yield Prompt("gsm8k, dev", "", "math", "en", row["prompt"], trains=False)
    for row in _csv(folder / "routellm_mmlu_dev.csv"):
        if row["domain"] not in _MMLU_LEFT_OUT:
            task = "math" if row["domain"] in _MMLU_MATH else "reasoning"
            yield Prompt("mmlu, dev", "", task, "en", row["prompt"], trains=False)
    for row in _csv(folder / "routerbench_sub_train.csv"):
        task = "code" if row["eval_name"] == "mbpp" else "reasoning"
        name = f"routerbench {row['eval_name']}"
        yield Prompt(name, "", task, "en", row["prompt"], trains=False)


def _t0_task(template: str) -> str | None:
    return next((task for pattern, task in _T0 if pattern.fullmatch(template)), None)


def _fingerprint(text: str) -> str:
    """Group prompts without a template by how they begin."""
    return f"beginning {text[:12]}"


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _csv(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
