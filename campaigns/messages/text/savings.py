"""Pure functions look for what drops a part of a text: other characters, plain letters, fewer words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from campaigns.messages.text.sms_parts import costly_characters, count_parts

#: Signs that word processors and keyboards put in, and what says the same in GSM-7.
LOOK_ALIKES: dict[str, str] = {
    **dict.fromkeys("’‘‛ʼ′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("–—−‐‑", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
    **dict.fromkeys("•·", "-"),
    "…": "...",
    "‹": "<",
    "›": ">",
    "\u00ad": "",
}
#: Latin letters that are no letter with a sign, so that decomposition leaves them as they are.
_PLAIN: dict[str, str] = {
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "œ": "oe",
    "Œ": "OE",
    "þ": "th",
    "ð": "d",
}


class SavingKind(StrEnum):
    """A way to need fewer parts."""

    #: Signs that look the same: nobody sees a difference.
    SIGNS = "signs"
    #: Letters without their signs: cheaper, but harder to read; the reviewer decides.
    LETTERS = "letters"
    #: Fewer words.
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Saving:
    """One way to save, and what is left then."""

    kind: SavingKind
    #: SMS parts after it.
    parts: int
    #: What to write for what; empty when words must go.
    swaps: tuple[tuple[str, str], ...] = ()
    #: Septets or UTF-16 units that must go.
    units: int = 0


def find_savings(text: str) -> tuple[Saving, ...]:
    """Return what would make `text` (as it is sent) take fewer parts, the least noticeable first."""
    now, costly = count_parts(text), costly_characters(text)
    if now.parts == 1:
        return ()
    signs = _swap(text, SavingKind.SIGNS, {sign: LOOK_ALIKES[sign] for sign in costly if sign in LOOK_ALIKES})
    letters = _swap(
        text, SavingKind.LETTERS, {sign: plain for sign in costly if (plain := _plain(sign)) is not None}
    )
    room = _room(now.encoding, now.parts - 1)
    words = Saving(SavingKind.WORDS, now.parts - 1, units=max(1, now.units - room))
    ways = [signs, letters if signs is None or signs.parts > 1 else None, words]
    return tuple(way for way in ways if way is not None and way.parts < now.parts)


def _swap(text: str, kind: SavingKind, swaps: Mapping[str, str]) -> Saving | None:
    """Return what is left with `swaps`, if that is written in GSM-7 throughout."""
    if not swaps:
        return None
    swapped = unicodedata.normalize("NFC", text)
    for sign, plain in swaps.items():
        swapped = swapped.replace(sign, plain)
    length = count_parts(swapped)
    return Saving(kind, length.parts, tuple(swaps.items())) if length.encoding == "GSM-7" else None


def _plain(character: str) -> str | None:
    """Return what says the same in GSM-7, or None: Latin letters lose their signs, other scripts have no way."""
    if character in LOOK_ALIKES:
        return LOOK_ALIKES[character]
    letters = unicodedata.normalize("NFD", _PLAIN.get(character, character))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return bare if bare.isascii() and bare.isalpha() and not costly_characters(bare) else None


def _room(encoding: str, parts: int) -> int:
    alone, joined = (160, 153) if encoding == "GSM-7" else (70, 67)
    return alone if parts == 1 else parts * joined
