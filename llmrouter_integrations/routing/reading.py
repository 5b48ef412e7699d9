"""Reads a prompt as features: what is asked, kept apart from what is quoted with it.

What is quoted (:mod:`~.quoting`) is read as plain words of their own kind, so that the classifier
can learn that they say little: a poem to be summarised asks for no poem. What is asked is read as
words, pairs of neighbours and word stems; and the form of the whole (marks) is read besides.

The text is brought to one form first (case, typography, width, spaces, figures), and long prompts
are read at their beginning and their end, so that the time is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

from llmrouter_integrations.routing.quoting import ASKING_LABELS, divide

__all__ = ["Reading", "read_text"]

WINDOW_CHARS = 1500
"""Read at either end of a prompt; what stands between is not looked at."""
_MUCH_CHARS = 200
"""Of quoted text; a question of so much is marked."""
_HELLO = (
    r"hi|hello|hey|dear \w+|good (?:morning|afternoon|evening|day)|hallo|guten tag|bonjour|salut|"
    r"hola|buenas|buenos d\u00edas|ol\u00e1|oi|bom dia|ciao|buongiorno|"
    r"\u043f\u0440\u0438\u0432\u0435\u0442|\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443"
    r"\u0439\u0442\u0435|\u4f60\u597d|\u60a8\u597d|\u3053\u3093\u306b\u3061\u306f|"
    r"\u0928\u092e\u0938\u094d\u0924\u0947|\u0645\u0631\u062d\u0628\u0627|\u0623\u0647\u0644\u0627"
)
_THANK_YOU = (
    r"(?:many )?thanks|thank you|thx|cheers|danke|vielen dank|merci|gracias|obrigad[oa]|grazie|"
    r"\u0441\u043f\u0430\u0441\u0438\u0431\u043e|\u8c22\u8c22|\u3042\u308a\u304c\u3068\u3046|"
    r"\u0927\u0928\u094d\u092f\u0935\u093e\u0926|\u0634\u0643\u0631\u0627"
)
_GREETING = re.compile(
    rf"(?:{_HELLO})(?: there| all| everyone)?\s*[,.!:\n]+\s*|"
    r"(?:please|pls|kindly)[, ]+|"
    r"(?:(?:can|could|would|will) you |please |i need you to )(?:please )?(?:help|assist) me"
    r"(?: out)?(?: with (?:this|the following|something))?\s*[,.!?:]+\s*|"
    r"(?:i have a |quick |just a |one )+(?:quick |small )?question\s*[,.!?:]+\s*",
    re.IGNORECASE,
)
_THANKS = re.compile(
    rf"(?:(?<=[.,!?])|(?<=[.,!?]\s)|(?<=\n))(?:{_THANK_YOU})"
    r"(?: (?:so much|very much|a lot|in advance|you))*[.!\s]*$|"
    r"\n\s*(?:answer|a|response|solution)\s*:\s*$",
    re.IGNORECASE,
)
_COURTESIES = 3
"""At most so many are taken off, at either end."""
_THANKS_CHARS = 48
_LABEL_CHARS = 14
_OPTION = re.compile(r"\s*\(?[A-D][).:]\s")
_LATER_OPTION = re.compile(r"\n\s*\(?[A-D][).:]\s")
_IMAGE = re.compile(r"!\[|<image|\.(?:png|jpe?g|webp|gif)")
_FULL_WIDTH = (
    ("\u3001", ","),
    ("\u3002", ". "),
    ("\uff0c", ", "),
    ("\uff1a", ": "),
    ("\uff1b", "; "),
    ("\uff1f", "? "),
    ("\uff01", "! "),
    ("\uff08", " ("),
    ("\uff09", ") "),
    ("\u2026", "..."),
    ("\u2018", "'"),
    ("\u2019", "'"),
    ("\u201a", "'"),
    ("\u2013", "-"),
    ("\u00a0", " "),
    ("\u061f", "?"),
    ("\u060c", ","),
    ("\u061b", ";"),
)
"""Frequent characters of other width or shape; beforehand, as the codec is slow where it has any
work to do."""
_SPACED = bytes(
    ord("0" if chr(code).isdigit() else chr(code) if chr(code).isalnum() else " ")
    if chr(code) not in "+#'"
    else code
    for code in range(128)
) + bytes(128)
"""Of ASCII alone: what splits words as a space, figures as zeros."""
_PUNCTUATION = (
    '.,:;!?()"-/[]{}<>=*|\\_^$%&@~`\u00ab\u00bb\u201c\u201d\u201e\u2018\u2013\u2014\u2022\u0964'
    "\u300c\u300d\u300e\u300f\u300a\u300b\u30fb\u00bf\u00a1"
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")
_CJK_SHARE = 2.5
"""Letters of other scripts that say as much as one character of Chinese or Japanese."""
_BEYOND_LATIN = re.compile("[\u0370-\u1fff\u3040-\ud7ff]")
_SCRIPTS = (
    ("\u0600", "cyrillic"),
    ("\u0900", "arabic"),
    ("\u0e00", "indic"),
    ("\u3040", "other"),
    ("\u3100", "kana"),
    ("\uac00", "han"),
    ("\uffff", "hangul"),
)
"""What comes before which letter."""
_STEM = 5
_BEGINNING = b"^"
_END = b"$"
_SYMBOLS = "=+*/^(){}[];<>$\\_|@#%~&"
_SYMBOL_MARKS = {
    symbol.encode(): (f"1{symbol}", f"2{symbol}", f"4{symbol}", f"8{symbol}") for symbol in _SYMBOLS
}
_NO_SYMBOLS = bytes(code for code in range(256) if chr(code) not in _SYMBOLS + "0123456789")
_NO_FIGURES = bytes(code for code in range(256) if chr(code) not in "0123456789")


class Reading(NamedTuple):
    """What is seen of one prompt; words in UTF-8, the form that is hashed.

    Attributes:
        words: Of what is asked, in one form; figures as zeros.
        pairs: Neighbours among them, joined; with marks of beginning and end.
        stems: First letters of its longer words.
        quoted: Words of what is quoted.
        marks: The form of the whole.
    """

    words: set[bytes]
    pairs: set[bytes]
    stems: set[bytes]
    quoted: set[bytes]
    marks: list[str]


def read_text(text: str) -> Reading:
    """Read the features of a prompt; in time that its length does not change."""
    if len(text) > 2 * WINDOW_CHARS:
        text = f"{text[:WINDOW_CHARS]}\n\n{text[-WINDOW_CHARS:]}"
    text = text.strip()
    dense = False
    if not text.isascii():
        for character, plain in _FULL_WIDTH:
            text = text.replace(character, plain)
        text = unicodedata.normalize("NFKC", text)
        dense = _CJK.search(text) is not None
    text = _plain(text)
    marks: list[str] = []
    asked, quoted = divide(text, marks, 1 / _CJK_SHARE if dense else 1.0)
    _mark(text, asked, quoted, marks)
    runs: list[str] = []
    material: set[bytes] = set()
    if dense:
        runs = _CJK.findall(asked)
        asked = _CJK.sub(" ", asked)
        material.update(map(_utf8, quoted))
    words, stems = _words_and_stems(asked)
    pairs = {first + second for first, second in pairwise([_BEGINNING, *words, _END])}
    material.update(_words(quoted))
    for run in runs:
        # each character a word: there are no spaces to tell words by
        characters = [*map(_utf8, run)]
        words += characters
        pairs.update([first + second for first, second in pairwise(characters)])
    return Reading(set(words), pairs, stems, material, marks)


def _plain(text: str) -> str:
    """Take off greetings, thanks and labels: whoever says please asks the same."""
    begin, end = 0, len(text)
    for _ in range(_COURTESIES):
        found = _GREETING.match(text, begin)
        if found is None:
            break
        begin = found.end()
    colon = text.find(":", begin, begin + _LABEL_CHARS)
    if colon > 0 and text[begin:colon].strip().lower() in ASKING_LABELS:
        begin = colon + 1
    for _ in range(_COURTESIES):
        last = _THANKS.search(text, max(begin, end - _THANKS_CHARS), end)
        if last is None:
            break
        end = last.start()
    # a greeting by itself is all that is said
    return text[begin:end].strip() or text


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _words(text: str) -> list[bytes]:
    text = text.lower()
    if text.isascii():
        return text.encode().translate(_SPACED).split()
    spelled = _spelled(text)
    # one text for the codec is several times as fast as each word by itself
    return _utf8("\n".join(spelled)).split(b"\n") if spelled else []


def _words_and_stems(text: str) -> tuple[list[bytes], set[bytes]]:
    text = text.lower()
    if text.isascii():
        words = text.encode().translate(_SPACED).split()
        return words, {word[:_STEM] for word in words if len(word) > _STEM}
    spelled = _spelled(text)
    stems = {_utf8(word[:_STEM]) for word in spelled if len(word) > _STEM}
    return [*map(_utf8, spelled)], stems


def _spelled(text: str) -> list[str]:
    for digit in "123456789":
        text = text.replace(digit, "0")
    # a dozen times as fast as a translation table or a regular expression
    for mark in _PUNCTUATION:
        if mark in text:
            text = text.replace(mark, " ")
    return text.split()


def _mark(text: str, asked: str, quoted: str, marks: list[str]) -> None:
    """Mark the form of the whole: lengths, questions, options, images, scripts."""
    seen = f"{asked}\n{quoted}"
    _mark_symbols(seen, marks)
    marks.append(f"asked{len(asked).bit_length()}")
    if quoted:
        marks.append(f"given{len(quoted).bit_length()}")
    lines = text.count("\n")
    if lines:
        marks.append(f"lines{lines.bit_length()}")
    last = asked.rstrip()[-1:]
    if last == "?":
        marks.append("asks")
        if len(quoted) > _MUCH_CHARS:
            marks.append("asks of much")
    elif "?" in asked:
        marks.append("asks inside")
    if last == ":":
        marks.append("ends open")
    if _OPTION.match(text) or _LATER_OPTION.search(text):
        marks.append("options")
    if "http" in text:
        marks.append("link")
    if _IMAGE.search(seen.lower()):
        marks.append("image")
    if not seen.isascii():
        script = _script(asked)
        marks.append(script)
        if quoted and not quoted.isascii() and _script(quoted) != script:
            marks.append("other script")


def _mark_symbols(text: str, marks: list[str]) -> None:
    """Mark how many of each symbol are in a text, and how much of it is figures."""
    found = _utf8(text).translate(None, _NO_SYMBOLS)
    for symbol, (once, few, some, many) in _SYMBOL_MARKS.items():
        count = found.count(symbol)
        if count:
            marks.append(once if count == 1 else few if count < 4 else some if count < 8 else many)
    digits = len(found.translate(None, _NO_FIGURES))
    if digits:
        marks.append(f"digits{min(9, 40 * digits // len(text))}")


def _script(text: str) -> str:
    """Name the script of a text, by its first letter beyond Latin."""
    letter = _BEYOND_LATIN.search(text)
    if letter is None:
        return "latin"
    return next(name for before, name in _SCRIPTS if letter[0] < before)
