"""Twilio bills a text by parts of GSM-7 or UCS-2, and splits no escape pair and no grapheme cluster."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("^{}\\[~]|€\f")

_PREPEND = frozenset((*range(0x600, 0x606), 0x6DD, 0x70F, 0x8E2, 0x110BD, 0x110CD))
_EXTRA_EXTEND = frozenset(
    (0x200C, 0x200D, 0xE33, 0xEB3, 0xFF9E, 0xFF9F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))
)
_PICTOGRAPHS = (
    *((0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139)),
    *((0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328), (0x23CF, 0x23CF), (0x23E9, 0x23FA)),
    *((0x24C2, 0x24C2), (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x27BF)),
    *((0x2934, 0x2935), (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55), (0x3030, 0x3030)),
    *(
        (0x303D, 0x303D),
        (0x3297, 0x3297),
        (0x3299, 0x3299),
        (0x1F000, 0x1F1E5),
        (0x1F200, 0x1F3FA),
        (0x1F400, 0x1FAFF),
    ),
)
_PICTOGRAPH_STARTS = [start for start, _ in _PICTOGRAPHS]


@lru_cache(maxsize=4096)
def count_segments(body: str) -> int:
    """Count the parts of `body` (at least 1): 160/153 septets, or 70/67 UTF-16 units if a letter needs UCS-2."""
    if all(letter in _BASIC or letter in _ESCAPED for letter in body):
        return _pack([2 if letter in _ESCAPED else 1 for letter in body], alone=160, joined=153)
    return _pack([_utf16_units(cluster) for cluster in clusters(body)], alone=70, joined=67)


def _pack(sizes: list[int], *, alone: int, joined: int) -> int:
    """Fill parts greedily; a text that fits alone carries no concatenation header."""
    if sum(sizes) <= alone:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts


def _utf16_units(text: str) -> int:
    return sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


def clusters(text: str) -> Iterator[str]:
    """Yield the grapheme clusters of `text` (UAX #29), but CR LF as two, as Twilio's own calculator does."""
    start = 0
    for here in range(1, len(text)):
        if _breaks(text, start, here):
            yield text[start:here]
            start = here
    if text:
        yield text[start:]


def _breaks(text: str, start: int, here: int) -> bool:
    """Tell whether a cluster that began at `start` ends before position `here`."""
    before, after = ord(text[here - 1]), ord(text[here])
    if _is_control(before) or _is_control(after):
        return True
    if _extends(after) or before in _PREPEND:
        return False
    if before == 0x200D and _is_pictograph(after):
        return not _is_pictograph(ord(text[start]))
    if _is_regional(before) and _is_regional(after):
        return (here - start) % 2 == 0
    return not _joins_hangul(before, after)


def _is_control(code: int) -> bool:
    if code < 0x20 or code == 0x7F:
        return True
    if code in _EXTRA_EXTEND or code in _PREPEND:
        return False
    return unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")


def _extends(code: int) -> bool:
    return code in _EXTRA_EXTEND or (code > 0x2FF and unicodedata.category(chr(code)) in ("Mn", "Me", "Mc"))


def _is_regional(code: int) -> bool:
    return 0x1F1E6 <= code <= 0x1F1FF


def _is_pictograph(code: int) -> bool:
    slot = bisect_right(_PICTOGRAPH_STARTS, code) - 1
    return slot >= 0 and code <= _PICTOGRAPHS[slot][1]


def _joins_hangul(before: int, after: int) -> bool:
    """Tell whether two Hangul letters belong to one syllable (rules GB6 to GB8)."""
    if 0x1100 <= before <= 0x115F:
        return 0x1100 <= after <= 0x11A7 or 0xAC00 <= after <= 0xD7A3
    open_syllable = 0xAC00 <= before <= 0xD7A3 and (before - 0xAC00) % 28 == 0
    if open_syllable or 0x1160 <= before <= 0x11A7:
        return 0x1160 <= after <= 0x11FF
    return (0xAC00 <= before <= 0xD7A3 or 0x11A8 <= before <= 0x11FF) and 0x11A8 <= after <= 0x11FF
