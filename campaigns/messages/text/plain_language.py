"""Pure hints say what makes a text hard to read, loud, or impossible to correct later."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from campaigns.core.words import N_

#: Most words of a sentence that is read at one go, in any language; a habit of plain-language guides.
LONGEST_SENTENCE = 20
#: Most letters in capitals that stand for something, such as SMS or STOP.
LONGEST_ABBREVIATION = 4
#: Fewest digits that somebody might dial.
SHORTEST_NUMBER = 3
_EXCERPT = 40

_PLACEHOLDER = re.compile(r"\(\([^()\n]*\)\)")
#: Full stops of Latin, Cyrillic, Arabic, Ethiopic, Devanagari and Chinese; a line end ends a sentence too.
_SENTENCE_END = re.compile(r"(?<=[.!?؟…።。।])\s+|\n+")
_LINK = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:org|com|net|info|me|eu|ly|gl|ua|pl|ro)\b(?:/\S*)?", re.I
)
_NUMBER = re.compile(r"[+＋]?\d(?:[\s()\u00a0./-]{0,2}\d){2,}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MARKS = re.compile(r"[!?！؟]{2,}")


class HintKind(StrEnum):
    """What a hint is about."""

    LONG_SENTENCE = "long_sentence"
    SHOUTING = "shouting"
    MARKS = "marks"
    LINK = "link"
    NUMBER = "number"
    DIGITS = "digits"
    NAME = "name"


#: Those of what nobody verified, and what nothing corrects once it is sent.
TYPED = (HintKind.LINK, HintKind.NUMBER)
#: What each says, in one sentence.
SENTENCES: dict[HintKind, str] = {
    HintKind.LONG_SENTENCE: N_("This sentence has %(words)s words; make two of it: “%(excerpt)s”"),
    HintKind.SHOUTING: N_("Capital letters shout: “%(excerpt)s”"),
    HintKind.MARKS: N_("One mark is enough: “%(excerpt)s”"),
    HintKind.LINK: N_("A link typed by hand cannot be corrected later: write ((link)) for “%(excerpt)s”"),
    HintKind.NUMBER: N_("A number typed by hand cannot be corrected later: write ((hotline)) for “%(excerpt)s”"),
    HintKind.DIGITS: N_("Write numbers with the digits of telephone keys (0–9): “%(excerpt)s”"),
    HintKind.NAME: N_("A service named by hand cannot be corrected later: “%(excerpt)s”"),
}


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that could be better."""

    kind: HintKind
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def template(self) -> str:
        """The sentence before its values are filled in."""
        return SENTENCES[self.kind]

    @property
    def sentence(self) -> str:
        """The sentence in English."""
        return self.template % self.values


def find_hints(text: str, *, names: Collection[str] = ()) -> tuple[Hint, ...]:
    """Return what could be plainer in `text`, in the order of HintKind; `names` are those of services.

    What stands inside a placeholder is its own affair.
    """
    bare = _PLACEHOLDER.sub(" … ", text)
    links = [found.group() for found in _LINK.finditer(bare)]
    without_links = _LINK.sub(" ", bare)
    return (
        *_long_sentences(text),
        *(_hint(HintKind.SHOUTING, loud) for loud in _shouting(without_links)),
        *(_hint(HintKind.MARKS, found.group()) for found in _MARKS.finditer(bare)),
        *(_hint(HintKind.LINK, link) for link in links),
        *_numbers(without_links),
        *(_hint(HintKind.NAME, name) for name in sorted(names) if name.casefold() in bare.casefold()),
    )


def _long_sentences(text: str) -> Iterator[Hint]:
    for sentence in _SENTENCE_END.split(_PLACEHOLDER.sub("((…))", text)):
        words = len(sentence.split())
        if words > LONGEST_SENTENCE:
            yield Hint(HintKind.LONG_SENTENCE, {"words": words, "excerpt": _shortened(sentence)})


def _shouting(text: str) -> Iterator[str]:
    """Yield words in capitals that stand together, unless they are one short abbreviation."""
    together: list[str] = []
    for word in [*re.findall(r"[^\W\d_]+|[^\s\w]", text), ""]:
        if len(word) > 1 and word.isupper():
            together.append(word)
            continue
        if len(together) > 1 or any(len(loud) > LONGEST_ABBREVIATION for loud in together):
            yield " ".join(together)
        together = []


def _numbers(text: str) -> Iterator[Hint]:
    for found in _NUMBER.finditer(text):
        number = found.group().strip()
        digits = [character for character in number if character.isdigit()]
        if _YEAR.fullmatch(number) or len(digits) < SHORTEST_NUMBER:
            continue
        yield _hint(HintKind.NUMBER, number)
        if not all(digit.isascii() for digit in digits):
            yield _hint(HintKind.DIGITS, number)


def _hint(kind: HintKind, excerpt: str) -> Hint:
    return Hint(kind, {"excerpt": _shortened(excerpt)})


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT].rstrip()}…"
