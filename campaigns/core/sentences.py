"""A sentence is kept as a template and typed values here, so that each reader meets it in their own language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.core.errors import FingerpostError
from campaigns.core.languages import all_languages
from campaigns.core.lists import filled, listed
from campaigns.core.small_numbers import SMALLEST_SHOWN, rounded
from campaigns.core.words import Phrase, Template


@dataclass(frozen=True, slots=True)
class Count:
    """A number that the reader's language groups."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class People:
    """A number of people as every member may read it; None: fewer than are told."""

    value: int | None

    @classmethod
    def of(cls, count: int) -> People:
        """Return what may be told of `count` people; how many they are exactly is not kept."""
        return cls(rounded(count))

    def __str__(self) -> str:
        return f"fewer than {SMALLEST_SHOWN}" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class LanguageName:
    """A language by its code; "" is an unknown one."""

    value: str

    def __str__(self) -> str:
        known = all_languages().get(self.value)
        return known.name if known else self.value or "an unknown language"


@dataclass(frozen=True, slots=True)
class CountryName:
    """A country by its alpha-2 code, which stands for it in English too."""

    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Dollars:
    """A sum of US dollars, in cents."""

    value: int

    def __str__(self) -> str:
        return f"${self.value / 100:,.2f}"


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time on the wall's clock, as ISO 8601 without a zone."""

    value: str

    @classmethod
    def of(cls, time: datetime) -> LocalTime:
        """Return a naive value as a sentence keeps it."""
        return cls(time.isoformat())

    @property
    def time(self) -> datetime:
        """The time as a naive value."""
        return datetime.fromisoformat(self.value)

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M}"


#: Kinds of values that the reader's language writes in its own way, by their names in what is stored.
KINDS: dict[str, type[Any]] = {
    "count": Count,
    "people": People,
    "language": LanguageName,
    "country": CountryName,
    "dollars": Dollars,
    "time": LocalTime,
    "phrase": Phrase,
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One or more sentences that members read: a template, and the values for its %(name)s.

    A value is a text, one of `KINDS`, another sentence, or several of these: sentences, which follow one
    another, or a list.
    """

    template: Template
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: FingerpostError) -> Sentence:
        """Return what an error says."""
        return cls(Template(error.template), {name: _plain(value) for name, value in error.values.items()})

    @classmethod
    def together(cls, sentences: Collection[Sentence]) -> Sentence:
        """Return several sentences as one."""
        return cls(Template("%(sentences)s"), {"sentences": tuple(sentences)})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Sentence:
        """Return a sentence that was stored; one without values may be in the words of whoever wrote it."""
        values = {name: _from_json(value) for name, value in stored.get("values", {}).items()}
        return cls(Template(stored["template"]), values)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"template": self.template, "values": {name: _to_json(each) for name, each in self.values.items()}}

    def __str__(self) -> str:
        """Return it in English, for logs and the command line."""
        return filled(self.template, {name: _english(each) for name, each in self.values.items()})


def told_together(values: tuple[Any, ...], say: Callable[[Any], object], language: str) -> str:
    """Return several values as they stand in a sentence: sentences follow one another, others are a list."""
    told = [str(say(each)) for each in values]
    return " ".join(told) if isinstance(next(iter(values), None), Sentence) else listed(told, language)


def _english(value: Any) -> str:
    return told_together(value, str, "en") if isinstance(value, tuple) else str(value)


def _plain(value: object) -> object:
    """Return a value of an error as a sentence keeps it."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, FingerpostError):
        return Sentence.of(value)
    return value if isinstance(value, (str, int, *KINDS.values())) else str(value)


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(each) for each in value]
    if isinstance(value, Sentence):
        return {"sentence": value.to_json()}
    for name, kind in KINDS.items():
        if isinstance(value, kind):
            return {name: str(value) if isinstance(value, Phrase) else value.value}
    return value


def _from_json(stored: Any) -> Any:
    if isinstance(stored, list):
        return tuple(map(_from_json, stored))
    if not isinstance(stored, dict):
        return stored
    ((name, value),) = stored.items()
    return Sentence.from_json(value) if name == "sentence" else KINDS[name](value)
