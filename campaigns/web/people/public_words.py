"""Sentences of the pages for people on the move stand in one table for each language that messages are written in.

Pure. A machine made those tables, so a live instance shows a language only after a member has reviewed its table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TypeVar

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, get_day_names
from babel.languages import get_official_languages
from markupsafe import Markup, escape

from campaigns.core.alphabets import place_in_alphabet
from campaigns.core.languages import all_languages, is_right_to_left
from campaigns.core.lists import listed
from campaigns.web.whole_numbers import whole_numbers

T = TypeVar("T")

#: The language in which sentences are written first; it needs no review.
SOURCE = "en"


@cache
def public_words(language: str) -> Mapping[str, str]:
    """Return the sentences in a language by their names; nothing where there is no table."""
    table = files("campaigns.web.people") / "data" / f"{language}.csv"
    if language not in all_languages() or not table.is_file():
        return {}
    with table.open(encoding="utf-8") as lines:
        return {row["name"]: row["text"] for row in csv.DictReader(lines) if row["text"]}


@cache
def public_languages() -> tuple[str, ...]:
    """Return the languages that have a table, in the order of the table of languages."""
    return tuple(code for code in all_languages() if public_words(code))


@cache
def digest_of_words(language: str) -> str:
    """Return what a review is of: a digest of all sentences in a language."""
    return sha256(json.dumps(public_words(language), sort_keys=True).encode()).hexdigest()


@cache
def own_languages(country: str) -> tuple[str, ...]:
    """Return the official languages of a country that have a table."""
    official = {code.partition("_")[0] for code in get_official_languages(country, de_facto=True)}
    return tuple(code for code in public_languages() if code in official)


class Words:
    """What a page says in one language, and in English where a sentence is lacking."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.direction = "rtl" if is_right_to_left(language) else "ltr"
        self._texts = dict(public_words(SOURCE)) | dict(public_words(language))

    def say(self, name: str, **values: object) -> Markup:
        """Return a sentence; what is put into it stands in its own direction."""
        isolated = {key: Markup("<bdi>{}</bdi>").format(value) for key, value in values.items()}
        return escape(self._texts[name]).format(**isolated)

    def plain(self, name: str) -> str:
        """Return a sentence without values as text, for titles."""
        return self._texts[name]

    def country(self, code: str) -> str:
        """Return the name of a country, in English where the language has no name for it."""
        return _locale(self.language).territories.get(code) or _locale(SOURCE).territories.get(code) or code

    def language_name(self, code: str) -> str:
        """Return a language's name, in English where this language has no name for it."""
        base = code.partition("-")[0]
        known = all_languages().get(base)
        return _locale(self.language).languages.get(base) or (known.name if known else code)

    def language_names(self, codes: Iterable[str]) -> str:
        """Return the names of languages as one list."""
        return self.listed(self.language_name(code) for code in codes if code != "mul")

    def by_alphabet(self, things: Iterable[T], name: Callable[[T], str]) -> list[T]:
        """Return things in the order in which a reader looks for their names."""
        return sorted(things, key=lambda each: place_in_alphabet(name(each), self.language))

    def listed(self, values: Iterable[object]) -> str:
        """Write values as one list."""
        return listed(values, self.language)

    def listed_contacts(self, contacts: Iterable[str]) -> Markup:
        """Write addresses and numbers as one list: each in its own direction, and a number as it is dialled."""
        shown = [Markup("<bdi>{}</bdi>").format(whole_numbers(each)) for each in contacts]
        return escape(self.listed(["{}"] * len(shown))).format(*shown)

    def day(self, value: date) -> str:
        """Write a date."""
        return str(format_date(value, "medium", locale=_locale(self.language)))

    def weekday(self, value: datetime) -> str:
        """Write the day of the week."""
        return str(get_day_names("wide", locale=_locale(self.language))[value.weekday()])


@cache
def _locale(language: str) -> Locale:
    """Return what Unicode knows of a language; of English where it knows nothing."""
    try:
        # Plain English would write American dates, whose day and month people elsewhere mix up.
        return Locale(SOURCE, "GB") if language == SOURCE else Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return Locale(SOURCE, "GB")
