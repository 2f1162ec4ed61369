"""Threads of which each has something in it that must not leave: numbers, ids, handles, names of staff."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

#: Zeros of scripts of digits.
ZEROS = "0٠۰०০０"
SEPARATORS = (*["", " ", "-", ".", " - ", "/", "\u00a0", "\u2011", "\u200b", "_", "·", "\n"],)
SENTENCES = (
    "A woman with a child needs a bed tonight",
    "Жінка з дитиною шукає ночівлю",
    "امرأة مع طفل تبحث عن مأوى",
    "زنی با کودکش جای خواب می‌خواهد",
    "ሴት ከልጅ ጋር አልጋ ትፈልጋለች",
    "একজন নারী শিশুসহ আশ্রয় চান",
    "Potrzebuje łóżka dla dwóch osób",
)
FIRST = ("Олена", "Марія", "Kateryna", "أحمد", "فاطمة", "Józef", "ሰላም", "Abebech", "রহিমা", "Ștefania", "Halyna")
LAST = ("Коваль", "Мельник", "Kowalska", "الحسن", "Łukasiewicz", "ተስፋዬ", "Ionescu", "O'Connor", "খাতুন")
HANDLES = ("@{0}", "t.me/{0}", "https://t.me/{0}", "wa.me/{0}", "{0}@example.org", "instagram.com/{0}")


@dataclass(frozen=True, slots=True)
class Planted:
    """A summary, and what was put into it."""

    text: str
    #: Digits of numbers and ids, in ASCII.
    numbers: tuple[str, ...]
    handles: tuple[str, ...]
    names: tuple[str, ...]


def make_staff(chance: random.Random, count: int) -> list[str]:
    """Names of members, each twice at most."""
    return [f"{chance.choice(FIRST)} {chance.choice(LAST)}" for _ in range(count)]


def make_threads(chance: random.Random, staff: list[str], count: int) -> Iterator[Planted]:
    """Threads whose summaries were written by somebody who forgot what they were told."""
    for _ in range(count):
        numbers = tuple(_digits(chance, chance.randint(7, 13)) for _ in range(chance.randint(1, 3)))
        handle = f"user{chance.choice('abcdefgh')}{_digits(chance, 3)}{chance.choice('xyz')}"
        handles, names = (handle,), (chance.choice(staff),)
        pieces = [
            *(_written(chance, number) for number in numbers),
            chance.choice(HANDLES).format(handle),
            chance.choice([names[0], names[0].upper(), names[0].split()[0]]),
        ]
        chance.shuffle(pieces)
        words = [f"{chance.choice(SENTENCES)}: {piece}." for piece in pieces]
        yield Planted(" ".join(words), numbers, handles, names)


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("123456789") for _ in range(count))


def _written(chance: random.Random, number: str) -> str:
    """A number in a script of digits, and parted somehow."""
    zero, parted = ord(chance.choice(ZEROS)), chance.choice(SEPARATORS)
    size, sign = chance.choice([1, 2, 3, 4]), chance.choice(["", "+", "00", "(0)"])
    native = [chr(zero + int(digit)) for digit in number]
    groups = ["".join(native[start : start + size]) for start in range(0, len(native), size)]
    return sign + parted.join(groups)
