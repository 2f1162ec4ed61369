"""Cyrillic letters have several spellings in Latin ones: English, Ukrainian, Polish, Czech, Romanian, Hungarian.

Small places are listed under their Latin name alone, and who comes from Ukraine types them in Cyrillic letters.
Letters stand here as folding leaves them, without marks on either side: й is и, ł is l, ș is s. Pure.
"""

from __future__ import annotations

_SPELLINGS = {
    "дж": "dzh dz dj j g gi",
    "дз": "dz z",
    "кс": "ks x",
    "зг": "zh zgh zg",
    "а": "a",
    "б": "b",
    "в": "v w",
    "г": "h g gh",
    "ґ": "g",
    "д": "d",
    "е": "e ie ye je",
    "є": "ie ye je e",
    "ж": "zh z rz zs j",
    "з": "z",
    "и": "y i j",
    "і": "i yi ji",
    "к": "k c ch",
    "л": "l ll",
    "м": "m",
    "н": "n",
    "о": "o",
    "п": "p",
    "р": "r",
    "с": "s sz ss",
    "т": "t",
    "у": "u o w",
    "ф": "f",
    "х": "kh h ch",
    "ц": "ts c t tz",
    "ч": "ch c cz cs ci",
    "ш": "sh s sz rz",
    "щ": "shch sc szcz sht st",
    "ъ": "- a u",
    "ь": "- y j i",
    "ы": "y i",
    "э": "e",
    "ю": "yu iu ju u jo",
    "я": "ya ia ja a",
}
_LONGEST = 2


def latin_spellings(key: str) -> list[tuple[str, ...]]:
    """Return how each letter of a Cyrillic key may be spelt, in order; nothing when it has other letters."""
    spelt = []
    while key:
        letters = next((key[:size] for size in range(_LONGEST, 0, -1) if key[:size] in _SPELLINGS), None)
        if letters is None:
            return []
        spelt.append(_options_of(letters))
        key = key[len(letters) :]
    return spelt


def _options_of(letters: str) -> tuple[str, ...]:
    """Return the spellings of a letter, or of two with one sound, which may also be spelt one by one."""
    whole = _SPELLINGS[letters].replace("-", "").split(" ")
    if len(letters) == 1:
        return tuple(whole)
    first, second = (_SPELLINGS[letter].split(" ") for letter in letters)
    return tuple(dict.fromkeys([*whole, *(one + other for one in first for other in second)]))
