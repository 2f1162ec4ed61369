"""Pure rules refuse a password that is too easily guessed, however long it is, and say why in a sentence.

Everything that a guesser tries first is taken away: common words, rows of keys, repetitions, years, and the words
that stand around an account. What is left must be worth guessing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Letters and digits that must be left, and how many different ones.
LEAST_LEFT, LEAST_DIFFERENT = 8, 5
#: Words of this system; an account's own words come with each call.
OURS = ("fingerpost",)
#: Shorter words are in everything.
SHORTEST_WORD = 3
#: Neighbours on a keyboard, in the alphabet and among digits; a run of neighbours is no choice.
ROWS = (
    *("1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "zaq12wsxcde34rfvbgt56yhn"),
    *(
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "qwertzuiop",
        "azertyuiop",
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890",
    ),
    *("йцукенгшщзхї", "йцукенгшщзхъ", "фівапролджє", "фывапролджэ", "ячсмитьбю"),
    *("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "ضصثقفغعهخحجد", "شسيبلاتنمكط"),
)
LONGEST_RUN = 3
#: Signs that stand for a letter.
_LETTERS = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "5": "s", "$": "s", "7": "t"}
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_SAME = re.compile(r"(.{1,40}?)\1+")


def check_new_password(password: str, *, present: str, around: Iterable[str]) -> None:
    """Raise InputError for a new password that is the present one, or that a guesser tries early.

    `around` are the texts that everybody who knows the account can know: names and addresses.
    """
    if _folded(password) == _folded(present):
        raise InputError(N_("This is your present password. Choose another one."))
    if is_guessable(password, around=around):
        raise InputError(
            N_(
                "This is easily guessed: without common words, rows of keys, repetitions, your name and the "
                "organisation's, too little of it is left. Take several words that only you would combine."
            )
        )


def is_guessable(password: str, *, around: Iterable[str] = ()) -> bool:
    """Say whether too little of a password is left once everything that is tried first is taken away."""
    folded = _folded(password)
    words = sorted({*_common_words(), *OURS, *_words_in(around)}, key=len, reverse=True)
    return any(_is_poor(_left_of(form, words)) for form in (folded, folded.translate(_LETTERS)))


def _is_poor(left: str) -> bool:
    return len(left) < LEAST_LEFT or len(set(left)) < LEAST_DIFFERENT


def _left_of(text: str, words: Iterable[str]) -> str:
    for word in words:
        # What stood on both sides of it must not become a word together.
        text = text.replace(word, " ")
    text = _without_runs(_YEAR.sub(" ", text))
    return _SAME.sub(r"\1", "".join(letter for letter in text if letter.isalnum()))


def _without_runs(text: str) -> str:
    """Return `text` without runs of neighbours or of one letter that are longer than LONGEST_RUN."""
    runs: list[str] = [text[:1]]
    direction = 0
    for before, letter in pairwise(text):
        step = _step(before, letter)
        if step is not None and (len(runs[-1]) == 1 or step == direction):
            runs[-1] += letter
            direction = step
        else:
            runs.append(letter)
    return "".join(run if len(run) <= LONGEST_RUN else " " for run in runs)


def _step(before: str, letter: str) -> int | None:
    """Return 0 for the same letter, 1 or -1 for a neighbour after or before it, None for any other."""
    if before == letter:
        return 0
    if before + letter in _neighbours():
        return 1
    return -1 if letter + before in _neighbours() else None


def _words_in(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        folded = _folded(text)
        yield from (word for word in (folded, *re.split(r"[\W_]+", folded)) if len(word) >= SHORTEST_WORD)


def _folded(text: str) -> str:
    # Accents count for nothing, as they do for a guesser.
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@cache
def _neighbours() -> frozenset[str]:
    return frozenset(first + second for row in ROWS for first, second in pairwise(_folded(row)))


@cache
def _common_words() -> frozenset[str]:
    lines = Path(__file__).with_name("data").joinpath("common_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(_folded(line.strip()) for line in lines if line.strip() and not line.startswith("#"))
