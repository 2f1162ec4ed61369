"""The length of a text as an SMS is counted as Twilio's calculator does: encoding, units and parts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from campaigns.messages.text.graphemes import split_graphemes

Encoding = Literal["GSM-7", "UCS-2"]

#: 3GPP TS 23.038, section 6.2.1: the default alphabet (without the escape itself), one septet each.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Section 6.2.1.1: the extension table; each is an escape and a second septet, never parted.
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")

#: Units in a text that fits one SMS, and in each part of a longer one (6 of 140 bytes go to its header).
_ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Length:
    """What sending a text as SMS takes."""

    encoding: Encoding
    #: Septets for GSM-7, UTF-16 code units for UCS-2.
    units: int
    #: SMS that are billed; an empty text is one, as in Twilio's calculator.
    parts: int


def count_parts(text: str) -> Length:
    """Count `text` after NFC, so that the same words cost the same however they were typed.

    A part may leave units unused, because neither an escape pair nor a grapheme cluster is split. A cluster
    longer than a whole part is counted as if it fitted one, as Twilio's calculator does.
    """
    normal = unicodedata.normalize("NFC", text)
    if all(character in GSM_BASIC or character in GSM_EXTENSION for character in normal):
        return _filled("GSM-7", (2 if character in GSM_EXTENSION else 1 for character in normal))
    return _filled("UCS-2", (_utf16_units(cluster) for cluster in split_graphemes(normal)))


def costly_characters(text: str) -> tuple[str, ...]:
    """Return the characters of `text` that GSM-7 lacks, each once, in order of appearance.

    One of them makes the whole text UCS-2. A letter with combining marks, or a joined emoji, is named as a whole.
    """
    clusters = split_graphemes(unicodedata.normalize("NFC", text))
    return tuple(dict.fromkeys(cluster for cluster in clusters if not _fits_gsm(cluster)))


def _filled(encoding: Encoding, sizes: Iterable[int]) -> Length:
    alone, joined = _ROOM[encoding]
    units, parts, room = 0, 1, joined
    for size in sizes:
        units += size
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return Length(encoding, units, parts if units > alone else 1)


def _fits_gsm(cluster: str) -> bool:
    return all(character in GSM_BASIC or character in GSM_EXTENSION for character in cluster)


def _utf16_units(cluster: str) -> int:
    return sum(2 if ord(character) > 0xFFFF else 1 for character in cluster)
