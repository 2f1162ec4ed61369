"""A stranger's text is shown with everything visible that could deceive a reader; no HTML is made here."""

from __future__ import annotations

import unicodedata

#: Characters that turn the direction of text or hide in it, by the abbreviation Unicode gives them.
_NAMED = {
    0x00AD: "SHY",
    0x061C: "ALM",
    0x180E: "MVS",
    0x200B: "ZWSP",
    0x200E: "LRM",
    0x200F: "RLM",
    0x2028: "LSEP",
    0x2029: "PSEP",
    0x202A: "LRE",
    0x202B: "RLE",
    0x202C: "PDF",
    0x202D: "LRO",
    0x202E: "RLO",
    0x2060: "WJ",
    0x2066: "LRI",
    0x2067: "RLI",
    0x2068: "FSI",
    0x2069: "PDI",
    0xFEFF: "BOM",
}
#: Joiners shape Arabic, Persian and emoji, so they stay.
_KEPT = frozenset("\n\u200c\u200d")


def visible(text: str) -> str:
    """Return `text` with direction marks and other invisible characters written out ("⟦RLO⟧")."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _KEPT:
        return character
    code = ord(character)
    if code in _NAMED:
        return f"⟦{_NAMED[code]}⟧"
    if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn"}:
        return f"⟦U+{code:04X}⟧"
    return character
