"""Tells what of a prompt is asked from what is quoted with it.

Quoted is what stands in fences, tags or quotation marks, behind a label ("Document:"), behind a
head that hands a text over ("Translate into French:", "Summarize the text below."), above "TL;DR",
long text after any other colon, and the middle of a long prompt.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["ASKING_LABELS", "divide"]

_ASKED_CHARS = 240
"""Of text outside quotes, read as what is asked, at either end; the middle counts as quoted."""
_QUOTED_CHARS = 300
"""Of quoted text, read at either end."""
_COLON_CHARS = 60
"""Text after a colon counts as quoted from this length on, whatever stands before it."""
_SENTENCE_CHARS = 200
"""A colon further than this from the start of its line belongs to the sentence."""
_LAST_PARAGRAPH_CHARS = 200
"""A paragraph behind the quoted text that is no longer than this is asked."""

# an apostrophe neither opens nor closes: it has a letter before it, or on both sides
_QUOTES = re.compile(
    r'"""(.+?)"""|"([^"\n]+)"|\u201c([^\u201c\u201d]+)\u201d|\u00ab([^\u00ab\u00bb]+)\u00bb|'
    r"\u201e([^\u201e\u201c\u201d]+)[\u201c\u201d]|\u300c([^\u300c\u300d]{4,})\u300d|"
    r"\u300e([^\u300e\u300f]{4,})\u300f|'(?<!\w')(?=\S)([^'\n]+(?:\b'\b[^'\n]+)*)(?<!\s)'(?!\w)",
    re.DOTALL,
)
_QUOTE_OPENERS = tuple("\"'\u201c\u00ab\u201e\u300c\u300e")
_TAGGED = re.compile(
    r"<(documents?|context|text|article|passage|e?mail|sources?|quote|input|data|transcript|"
    r"review|content|conversation|message|excerpt|notes)\b[^>]*>(.*?)</\1>",
    re.DOTALL | re.IGNORECASE,
)
_COLON = re.compile(r":\**\s+(?=\S)")
_ASKING = (
    "question q task instruction instructions problem user human query request riddle exercise "
    "frage aufgabe tâche problème pregunta tarea problema pergunta domanda compito вопрос задача "
    "问题 質問 प्रश्न السؤال"
)
ASKING_LABELS = frozenset(_ASKING.split())
"""What follows such a label is asked."""
_ASKED_BELOW = re.compile(rf"\n[\s*]*(?:{'|'.join(_ASKING.split())})\s*:", re.IGNORECASE)

_LABELS = (
    "document documents text passage article context paragraph excerpt transcript abstract source "
    "sources notes message email e-mail review dokument artikel kontext abschnitt nachricht texte "
    "passage contexte extrait texto documento artículo contexto pasaje artigo trecho testo "
    "articolo contesto brano документ текст статья контекст отрывок दस्तावेज़ पाठ लेख संदर्भ "
    "النص السياق المقال الوثيقة 文本 文章 原文 文档 上下文 本文 テキスト 文書 記事 文脈"
)
_SUMMARY = (
    "tl;dr,tldr,tl;dr;,in short,in a nutshell,summary,key takeaways,to sum up,zusammenfassung,"
    "kurzfassung,kurz gesagt,résumé,en bref,en résumé,resumen,en resumen,resumo,em resumo,"
    "riassunto,in sintesi,in breve,итог,кратко,вкратце,краткое содержание,सारांश,संक्षेप में,"
    "ملخص,الخلاصة,باختصار,总结,摘要,概要,要約,まとめ"
)
_SUMMARY_LABELS = frozenset(_SUMMARY.split(","))
_TEXT_LABELS = frozenset(_LABELS.split()) | _SUMMARY_LABELS
"""What follows such a label, alone on its line, is quoted."""
_LABEL_EDGES = "#*>[]().,?: 0123456789"

_STEM = 6
_WORD_EDGES = '.,:;!?()*#"'
_WORK = (
    "transl summar rewrit rephra reword paraph proofr shorte conden classi extrac sentim "
    "überse fass fasse korrig klassi extrah umschr tradui résume résumé reform extrai "
    "traduc resume resumi resuma corrig corrij reescr clasif extrae traduz riassu correg riscri "
    "estrai переве перево резюми перефр исправ извлек извлеч класси अनुवाद सारांश संक्षे "
    "ترجم ترجمة لخص لخّص تلخيص استخر صياغة"
)
_POINTERS = (
    "follow below this these given folgen unten diese diesen diesem dieser dieses suivan ci-des "
    "ce cet cette siguie abajo este esta seguin abaixo deste desta seguen sotto questo questa "
    "следую ниже этот этого эту этой это निम्नल निम्न नीचे इस التالي أدناه هذا هذه"
)
_TEXTS = (
    "text texts passag articl docume senten paragr messag email e-mail review commen tweet notes "
    "conver transc abstra report satz sätze artike absatz nachri bewert rezens abschn texte "
    "phrase courri avis texto frase oració artícu artigo mensaj mensag correo párraf trecho reseña "
    "coment testo artico brano recens текст текста тексте фразу предло статью статья статьи сообще "
    "письмо абзац отзыв докуме पाठ वाक्य लेख अनुच्छ संदेश समीक्ष النص الجملة المقال الرسال الفقرة "
    "المراج التعلي"
)
_ASKS_ITSELF = (
    "questi proble exerci riddle write draft contin comple frage fragen aufgab schrei écris "
    "pregun escrib pergun escrev domand scrivi вопрос задачу напиши प्रश्न السؤال سؤال"
)
_WORK_STEMS, _POINTER_STEMS, _TEXT_STEMS, _ASKING_STEMS = (
    frozenset(words.split()) for words in (_WORK, _POINTERS, _TEXTS, _ASKS_ITSELF)
)
"""First letters of words; of shorter words, all."""
_WORK_SIGNS, _POINTER_SIGNS, _TEXT_SIGNS, _ASKING_SIGNS = (
    tuple(signs.split())
    for signs in (
        "翻译 译成 译为 总结 概括 改写 润色 校对 摘要 翻訳 訳し 要約 書き直 言い換え 校正",
        "以下 下面 下列 这段 这篇 这句 次の 下記 この",
        "文章 文本 段话 段落 句子 句话 这篇 短文 文書 本文 の文 テキスト 記事 メール 评论 邮件",
        "问题 質問 題",
    )
)
"""The same, found anywhere: in Chinese and Japanese there are no spaces to tell words by."""


def divide(text: str, marks: list[str], scale: float) -> tuple[str, str]:
    """Divide a prompt into what is asked and what is quoted, and mark how it was quoted.

    Args:
        text: The prompt.
        marks: Marks of form, to be added to.
        scale: How many characters say as much as one of a script with letters.
    """
    edge = int(_ASKED_CHARS * scale)
    least = int(_COLON_CHARS * scale)
    quoted: list[str] = []
    # before anything is taken out, while the lines are as they were written
    text = _beside_a_line(text, quoted, marks, least)
    if "```" in text:
        parts = text.split("```")
        quoted += parts[1::2]
        text = " \n".join(parts[::2])
        marks.append("fence")
    if "</" in text:
        text = _take_out(_TAGGED, text, quoted, marks, "tagged")
    if any(opener in text for opener in _QUOTE_OPENERS):
        text = _take_out(_QUOTES, text, quoted, marks, "quoted")
    if "\n>" in text:
        lines = text.split("\n")
        quoted += [line for line in lines if line[:1] == ">"]
        text = "\n".join([line for line in lines if line[:1] != ">"])
        marks.append("cited")
    text = _after_colon(text, quoted, marks, least)
    if len(text) > 2 * edge:
        quoted.append(text[edge:-edge])
        text = f"{text[:edge]} \n{text[-edge:]}"
        marks.append("long")
    material = "\n".join(quoted)
    edge = int(_QUOTED_CHARS * scale)
    if len(material) > 2 * edge:
        material = f"{material[:edge]} \n{material[-edge:]}"
    return text, material


def _take_out(
    pattern: re.Pattern[str], text: str, quoted: list[str], marks: list[str], mark: str
) -> str:
    found: list[str] = []

    def note(match: re.Match[str]) -> str:
        inside = match[match.lastindex or 0]
        if " " not in inside and inside.isascii():
            return match[0]  # a single word is named rather than quoted
        found.append(inside)
        return " \n"

    # a prompt that is nothing but a quotation asks what it says
    rest = pattern.sub(note, text)
    if not found or not rest.strip():
        return text
    quoted += found
    marks.append(mark)
    return rest


def _beside_a_line(text: str, quoted: list[str], marks: list[str], least: int) -> str:
    """Take out what stands above "TL;DR", or below a first line that hands a text over."""
    head, _, below = text.partition("\n")
    if not below.strip():
        return text
    cut = text.rstrip().rfind("\n")
    if text[cut:].strip().rstrip(_LABEL_EDGES).lower() in _SUMMARY_LABELS:
        quoted.append(text[:cut])
        marks.append("above")
        return text[cut:]
    handed = "" if head.endswith(":") else _handed_over(head, alone=True)
    if not handed:
        return text
    material, last = (below, "") if handed == "all" else _but_for_the_last(below, least)
    quoted.append(material)
    marks.append("below")
    return f"{head}\n{last}"


def _after_colon(text: str, quoted: list[str], marks: list[str], least: int) -> str:
    """Take out what stands behind a colon, where it is long or what is before it says so."""
    for colon in _COLON.finditer(text):
        start, end = colon.span()
        line = text[max(0, text.rfind("\n", 0, start) + 1, start - _SENTENCE_CHARS - 1) : start]
        if len(line) > _SENTENCE_CHARS:
            continue
        label = line.strip(_LABEL_EDGES).lower()
        if label in ASKING_LABELS:
            continue
        handed = "but the last" if label in _TEXT_LABELS else _handed_over(line)
        material, last = text[end:], ""
        if handed != "all":
            material, last = _but_for_the_last(material, least)
        if not handed and len(material) < least:
            continue
        quoted.append(material)
        marks.append("colon")
        return text[:end] + last
    return text


def _but_for_the_last(material: str, least: int) -> tuple[str, str]:
    """Part a short last paragraph, line or labelled question from the text it stands below."""
    cut = material.rfind("\n\n")
    if cut > 0 and len(material) - cut <= _LAST_PARAGRAPH_CHARS:
        return material[:cut], material[cut:]
    cut = material.rfind("\n")
    if cut > least and len(material) - cut <= least:
        return material[:cut], material[cut:]
    asked = _ASKED_BELOW.search(material)
    return (material[: asked.start()], material[asked.start() :]) if asked else (material, "")


def _handed_over(head: str, *, alone: bool = False) -> Literal["", "all", "but the last"]:
    """Tell whether a line says that what follows is a text to work on.

    Args:
        head: The line.
        alone: Whether no colon ends it. Then work that is named neither first, nor with "this text"
            or the like, nor in a question, may be what is talked about.

    Returns:
        How much of it is handed over: all where the work is named, else it may be named at the end.
    """
    if len(head) > _SENTENCE_CHARS:
        return ""
    words = head.lower().replace("'", " ").split()
    stems = [word.strip(_WORD_EDGES)[:_STEM] for word in words]
    beyond_ascii = not head.isascii()
    points = not _POINTER_STEMS.isdisjoint(stems)
    points_to_text = points and not _TEXT_STEMS.isdisjoint(stems)
    if beyond_ascii and not points:
        points = _has(_POINTER_SIGNS, head)
        points_to_text = points and _has(_TEXT_SIGNS, head)
    anywhere = not alone or points_to_text or (points and head.rstrip().endswith("?"))
    if not _WORK_STEMS.isdisjoint(stems if anywhere else stems[:1]) or (
        beyond_ascii and anywhere and _has(_WORK_SIGNS, head)
    ):
        return "all"
    asks = not _ASKING_STEMS.isdisjoint(stems) or (beyond_ascii and _has(_ASKING_SIGNS, head))
    return "but the last" if points_to_text and not asks else ""


def _has(signs: tuple[str, ...], text: str) -> bool:
    return any(sign in text for sign in signs)
