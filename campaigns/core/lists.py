"""Several values are joined to one list here, as the language of whoever reads it writes lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from babel.lists import format_list

#: The last value of a list that names the first ones only.
MORE = "…"
#: Where English is written with days before months, no comma stands before the last word of a list.
_LOCALES = {"en": "en_GB"}


def listed(words: Iterable[object], language: str = "en") -> str:
    """Return words as a list of `language`: “A, B and C”; one that ends in MORE stays open."""
    named = [str(word) for word in words]
    more = f" {named.pop()}" if named[-1:] == [MORE] else ""
    return format_list(named, locale=_LOCALES.get(language, language)) + more


def first_of(values: Sequence[object], most: int) -> tuple[object, ...]:
    """Return at most `most` values to be listed, and MORE where there are others."""
    return (*values[:most], *[MORE] * (len(values) > most))


def filled(template: str, values: Mapping[str, object]) -> str:
    """Return an English sentence with its values; several in place of one are a list."""
    named = {name: listed(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return template % named if named else template
