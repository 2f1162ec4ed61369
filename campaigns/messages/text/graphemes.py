"""Splits text into extended grapheme clusters (UAX #29): what a reader sees as one character."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import Enum, auto

#: Grapheme_Cluster_Break=Prepend: signs that belong to what follows them (Unicode 15).
_PREPEND = frozenset(
    (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0xD4E, 0x110BD, 0x110CD, 0x111C2)
) | frozenset((0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02))
#: Signs of other categories that extend what they follow: the non-joiner and half-width sound marks.
_EXTEND = frozenset((0x200C, 0xFF9E, 0xFF9F))
#: Thai and Lao AM: letters by category, spacing marks by property.
_SPACING = frozenset((0xE33, 0xEB3))
#: Blocks of Extended_Pictographic, first and last code point. Wider than the property by a few symbols that
#: no keyboard joins with ZWJ, the only place where the difference would show.
_PICTOGRAPHIC = (
    (0xA9, 0xA9),
    (0xAE, 0xAE),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2194, 0x21AA),
    (0x231A, 0x2388),
    (0x23CF, 0x23F3),
    (0x23F8, 0x23FA),
    (0x24C2, 0x24C2),
    (0x25AA, 0x25FE),
    (0x2600, 0x27BF),
    (0x2934, 0x2935),
    (0x2B05, 0x2B55),
    (0x3030, 0x303D),
    (0x3297, 0x3299),
    (0x1F000, 0x1F1E5),
    (0x1F201, 0x1F3FA),
    (0x1F400, 0x1FAFF),
    (0x1FC00, 0x1FFFD),
)


class _Kind(Enum):
    """What a code point does at a cluster's edge; names of UAX #29, table 2."""

    CONTROL = auto()
    EXTEND = auto()
    SPACING = auto()
    ZWJ = auto()
    PREPEND = auto()
    REGIONAL = auto()
    PICTOGRAPH = auto()
    L = auto()
    V = auto()
    T = auto()
    LV = auto()
    LVT = auto()
    OTHER = auto()


_HANGUL_FOLLOWERS = {
    _Kind.L: frozenset((_Kind.L, _Kind.V, _Kind.LV, _Kind.LVT)),
    _Kind.LV: frozenset((_Kind.V, _Kind.T)),
    _Kind.V: frozenset((_Kind.V, _Kind.T)),
    _Kind.LVT: frozenset((_Kind.T,)),
    _Kind.T: frozenset((_Kind.T,)),
}


def split_graphemes(text: str) -> Iterator[str]:
    """Yield the clusters of `text` in order; joined they are the text.

    CR LF stays two characters, as in Twilio's calculator; Indic conjuncts (rule GB9c) are not joined, as there.
    """
    start, kinds = 0, [_kind_of(character) for character in text]
    for here in range(1, len(text)):
        if not _belongs(kinds, start, here):
            yield text[start:here]
            start = here
    if text:
        yield text[start:]


def _belongs(kinds: list[_Kind], start: int, here: int) -> bool:
    """Say whether the code point at `here` belongs to the cluster that began at `start` (rules GB4 to GB13)."""
    before, after = kinds[here - 1], kinds[here]
    if before is _Kind.CONTROL or after is _Kind.CONTROL:
        return False
    if after in (_Kind.EXTEND, _Kind.ZWJ, _Kind.SPACING) or before is _Kind.PREPEND:
        return True
    if after is _Kind.PICTOGRAPH:
        return before is _Kind.ZWJ and _follows_pictograph(kinds, start, here - 1)
    if after is _Kind.REGIONAL:
        return before is _Kind.REGIONAL and _run_of_flags(kinds, start, here) % 2 == 1
    return after in _HANGUL_FOLLOWERS.get(before, frozenset())


def _follows_pictograph(kinds: list[_Kind], start: int, joiner: int) -> bool:
    """Say whether only extending signs stand between the joiner and a pictograph before it."""
    position = joiner - 1
    while position > start and kinds[position] is _Kind.EXTEND:
        position -= 1
    return position >= start and kinds[position] is _Kind.PICTOGRAPH


def _run_of_flags(kinds: list[_Kind], start: int, here: int) -> int:
    """Count the regional indicators that end just before `here`: two of them make a flag."""
    position = here
    while position > start and kinds[position - 1] is _Kind.REGIONAL:
        position -= 1
    return here - position


def _kind_of(character: str) -> _Kind:
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return _Kind.OTHER
    if code == 0x200D:
        return _Kind.ZWJ
    if code in _PREPEND:
        return _Kind.PREPEND
    if code in _EXTEND or 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:
        return _Kind.EXTEND
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):
        return _Kind.EXTEND
    if category == "Mc" or code in _SPACING:
        return _Kind.SPACING
    if category in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return _Kind.CONTROL
    if 0x1F1E6 <= code <= 0x1F1FF:
        return _Kind.REGIONAL
    if any(first <= code <= last for first, last in _PICTOGRAPHIC):
        return _Kind.PICTOGRAPH
    return _hangul_kind(code)


def _hangul_kind(code: int) -> _Kind:
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return _Kind.L
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return _Kind.V
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return _Kind.T
    if 0xAC00 <= code <= 0xD7A3:
        return _Kind.LV if (code - 0xAC00) % 28 == 0 else _Kind.LVT
    return _Kind.OTHER
