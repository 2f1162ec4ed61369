"""One table lists the languages Fingerpost speaks: names, direction, and the words for stop and start."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: Languages of the staff interface that have a complete catalogue.
INTERFACE_LANGUAGES = ("en", "uk", "ar")
#: What stands for a language that nobody has said (BCP 47: undetermined).
UNKNOWN_LANGUAGE = "und"


@dataclass(frozen=True, slots=True)
class Language:
    """One language a message can be written in."""

    #: BCP 47 code: two letters, or three where none of two exists.
    code: str
    #: English name.
    name: str
    #: The language's own name for itself.
    autonym: str
    #: "ltr" or "rtl".
    direction: str
    #: Words to stop and to join that may be printed; audience/keywords.py hears these and many more. A plain yes
    #: among the latter answers questions and joins nobody.
    stop_words: tuple[str, ...]
    start_words: tuple[str, ...]
    #: Where the words come from and whether a native speaker still has to read them.
    note: str


@cache
def all_languages() -> dict[str, Language]:
    """Return every known language by code, in the order of the table."""
    with (files("campaigns.core") / "data" / "languages.csv").open(encoding="utf-8") as lines:
        return {row["code"]: _language(row) for row in csv.DictReader(lines)}


@cache
def codes_by_name() -> dict[str, str]:
    """Return codes by all that a cell may call a language, in small letters; the first of two languages counts."""
    names: dict[str, str] = {}
    for language in all_languages().values():
        for name in (language.code, language.name.casefold(), language.autonym.casefold()):
            names.setdefault(name, language.code)
    return names


def is_right_to_left(code: str) -> bool:
    """Say whether text in the language `code` runs from right to left; unknown languages do not."""
    language = all_languages().get(code.partition("-")[0])
    return language is not None and language.direction == "rtl"


def _language(row: dict[str, str]) -> Language:
    start_words = row["join_keywords"].partition(";")[0]
    return Language(
        code=row["code"],
        name=row["name"],
        autonym=row["autonym"],
        direction=row["direction"],
        stop_words=_words(row["stop_keywords"]),
        start_words=_words(start_words),
        note=row["note"],
    )


def _words(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in cell.split(",") if word.strip())
