"""Masks in the words of members what may name a person: numbers, addresses, links, ids and names of staff; pure.

Whoever writes is told to name nobody, and a number is refused when something is offered. This is for what slipped
through, so it rather masks a date than lets a number pass. A number that is written out in words it does not know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from campaigns.core.folding import words_of

MASK = "███"
#: So many digits in one piece are a number to dial, or an id; of parted ones it takes more: 3, 4, 12.
_IN_ONE_PIECE, _PARTED = 5, 6
#: Fewer digits are an amount or an age, even where a row has the same number, unless # stands before them.
_SHORTEST_ID = 3
#: From so many letters on a name is found in its cases too: Олена, Олени, Оленою.
_DECLINED, _LONGEST_ENDING = 5, 3
_SHORTEST_NAME = 3
#: What Arabic writes in one word with the name that follows.
_JOINED = "وفبلك"
_JOINERS = frozenset("\u200c\u200d")
_APOSTROPHES = frozenset("'`´‘’ʼʹ′")

_ADDRESS = re.compile(
    r"""(?:https?://|www\.|tg://|viber://)\S+            # links
      | \S+@\S+ | (?<!\w)@\w{2,}                         # e-mail addresses and handles
      | (?<!\w)(?:[\w-]+\.)+[a-z]{2,}/\S*                # links without their beginning: t.me/somebody
      | (?<!\w)[#№]\s?\w+                                # what is numbered
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: Of a text in which 0 stands for each digit, x for each letter and a blank for all else.
_NUMBER = re.compile(r"0(?: {0,5}0)*")
_IN_A_ROW = re.compile(f"0{{{_IN_ONE_PIECE},}}")
_WORD = re.compile("[x0]+")
#: Letters and digits in one word: what programs name things with.
_FEWEST_OF_A_KEY = 4


@dataclass(frozen=True, slots=True)
class Mask:
    """What is masked beside everything that looks like a number or an address."""

    #: Names of members, as they are called in full.
    names: Collection[str]
    #: Numbers of rows, and codes.
    ids: Collection[str]

    def __call__(self, text: str) -> str:
        """Return a text with what it should not say masked; marks that nobody sees are left out of it."""
        text = _plain(text)
        shape = "".join(map(_shape, text))
        hidden = bytearray(len(text))
        for begin, end in (*_addresses(text), *self._numbers(text, shape), *self._named(text, shape)):
            hidden[begin:end] = b"\1" * (end - begin)
        return "".join(_masked(text, hidden))

    def _numbers(self, text: str, shape: str) -> Iterable[tuple[int, int]]:
        for found in _NUMBER.finditer(shape):
            digits = "".join(_digit(letter) for letter in text[found.start() : found.end()])
            is_id = len(digits) >= _SHORTEST_ID and digits in self.ids
            if is_id or len(digits) >= _PARTED or _IN_A_ROW.search(found[0]):
                yield _whole_words(text, shape, found.start(), found.end())
        for found in _WORD.finditer(shape):
            if "x" in found[0] and found[0].count("0") >= _FEWEST_OF_A_KEY:
                yield found.span()

    def _named(self, text: str, shape: str) -> Iterable[tuple[int, int]]:
        parts = {"".join(words_of(part)) for name in self.names for part in _words(name)}
        known = {part for part in parts if len(part) >= _SHORTEST_NAME}
        for found in _WORD.finditer(shape):
            written = text[found.start() : found.end()]
            said = "".join(words_of(written))
            if any(_is_named(said, part, is_small=written[0].islower()) for part in known):
                yield found.span()


def _plain(text: str) -> str:
    """Return a text without marks that nobody sees, of which some would part a number."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = (each for each in composed if each in _JOINERS or each == "\n" or unicodedata.category(each)[0] != "C")
    return "".join(kept)


def _shape(letter: str) -> str:
    kind = unicodedata.category(letter)[0]
    if kind == "N":
        return "0"
    return "x" if kind in "LM" or letter in _APOSTROPHES or letter in _JOINERS else " "


def _digit(letter: str) -> str:
    value = unicodedata.digit(letter, None)
    return "" if value is None else str(value)


def _words(name: str) -> list[str]:
    return [name[found.start() : found.end()] for found in _WORD.finditer("".join(map(_shape, name)))]


def _addresses(text: str) -> Iterable[tuple[int, int]]:
    return (found.span() for found in _ADDRESS.finditer(text))


def _whole_words(text: str, shape: str, begin: int, end: int) -> tuple[int, int]:
    """Return the span with the letters that stand at it, and the sign or bracket before it."""
    while begin and shape[begin - 1] != " ":
        begin -= 1
    while end < len(shape) and shape[end] != " ":
        end += 1
    while begin and text[begin - 1] in "+(":
        begin -= 1
    return begin, end


def _is_named(said: str, name: str, *, is_small: bool) -> bool:
    bare = said[1:] if said[:1] and said[0] in _JOINED and not name.startswith(said[0]) else said
    if len(name) < _DECLINED:
        # Short names are words too: will, may.
        return bare == name and not is_small
    return bare.startswith(name[:-1]) and len(bare) <= len(name) + _LONGEST_ENDING


def _masked(text: str, hidden: bytearray) -> Iterable[str]:
    before = 0
    for letter, is_hidden in zip(text, hidden, strict=True):
        if not is_hidden:
            yield letter
        elif not before:
            yield MASK
        before = is_hidden
