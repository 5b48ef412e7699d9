"""What of a prompt is taken for quoted: by marks, by labels, by what stands before it."""

from __future__ import annotations

import pytest

from llmrouter_integrations.routing.quoting import divide

DOC = "Write me a Python function that sorts a list."


def quoted(prompt):
    return divide(prompt, [], 1.0)[1].strip()


@pytest.mark.parametrize(
    "frame",
    [
        "Translate into French: '{}'",
        "Translate '{}' into French",
        'Translate "{}" into French',
        "Translate into French: {}",
        "Translate the following into Spanish:\n\n{}",
        "Summarise the text below in two sentences.\n\n{}",
        "Read the text below.\n\n{}\n\nWho is meant?",
        "Is this sentence rude: {}",
        "Can you translate this for me into German?\n\n{}",
        "{}\n\nTL;DR:",
        "{}\nSummary",
        "TL;DR: {}",
        "Document:\n{}\n\nQuestion: Who wrote the document?",
        "Text: {}\nQuestion: Who wrote it?",
        "Read the passage and answer.\n\n**Passage 1:** {}\n\nWhat does the author want?",
        "Übersetze ins Englische: {}",
        "Fasse den folgenden Text zusammen.\n\n{}",
        "Résume le texte suivant en deux phrases.\n\n{}",
        "Résumez l'article suivant.\n\n{}",
        "Traduce al inglés: {}",
        "Lee el texto siguiente.\n\n{}\n\n¿Quién lo escribió?",
        "Traduza para o inglês: {}",
        "Leggi il testo qui sotto.\n\n{}\n\nChi parla?",
        "Riassumi questo articolo: {}",
        "Переведи на английский: {}",
        "Прочитай следующий текст.\n\n{}\n\n- Кто автор?",
        "निम्नलिखित पाठ का सारांश लिखें: {}",
        "लेख: {}\n\nइसे किसने लिखा?",
        "لخص النص التالي: {}",
        "النص: {}\n\nمن كتب هذا؟",
        "翻译成英文: {}",
        "请阅读下面的文章. \n\n{}\n\n作者是谁?",
        "次の文章を要約してください. \n\n{}",
        "要約: {}",
    ],
)
def test_a_text_that_is_handed_over_is_quoted_however_short(frame):
    assert quoted(frame.format(DOC)).strip("'") == DOC


@pytest.mark.parametrize(
    "prompt",
    [
        DOC,
        "Don't say it's the dogs' or the cats' fault",
        "rock 'n' roll of the '60s and the '70s",
        "'Tis the season and we're late",
        "what's in O'Neill's and Smith's 'Journey'?",
        "print '%s' or ' ' or ''",
        "Answer the following question about the passage: who sorts a list?",
        "Solve the following problem: 3x + 4 = 10",
        "Write this email: tell my boss that I am ill",
        "My code: it sorts a list",
        "I have to translate a book.\n\nWhat should I ask for it?",
        "I am learning about translation.\nWhere do I begin?",
        "我在学翻译. \n\n怎么开始?",
        "请回答下面关于文章的问题: 谁写的?",
        "Question: who?\nAnswer: me",
        "TL;DR",
        "Summary:",
        "I built this classifier with a few lines.\n\nWhy does it overfit?",
    ],
)
def test_what_is_asked_is_not_quoted(prompt):
    assert quoted(prompt) == ""


def test_an_apostrophe_in_a_quotation_does_not_end_it():
    assert quoted("Say 'it isn't the boys' in Greek") == "it isn't the boys"


def test_all_is_quoted_where_the_work_is_named_and_the_last_is_asked_where_not():
    text = "It rains.\n\nWrite a poem."
    assert quoted(f"Translate into French:\n\n{text}") == text
    assert quoted(f"Read the text below.\n\n{text}") == "It rains."
