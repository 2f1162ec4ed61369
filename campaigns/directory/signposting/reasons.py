"""A service is chosen as a signpost, or passed over, for a cause that has a sentence and its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from campaigns.core.languages import all_languages
from campaigns.core.lists import listed
from campaigns.core.words import N_


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; pages translate its template and its values, which are codes, dates and plain text."""

    cause: Cause
    template: str
    #: kind, place, city and clock are text, date a date, days a number, language a code; languages and weekdays
    #: are lists of codes.
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The reason in English."""
        return self.template % self.words

    @property
    def words(self) -> dict[str, object]:
        """Its values as an English sentence says them."""
        return {name: _said(name, value) for name, value in self.values.items()}


class Cause(Enum):
    """Everything that decides for or against a service, as said after its name."""

    # Why it is chosen.
    COVERS_REGION = N_("covers the region")
    COVERS_COUNTRY = N_("covers the country")
    COVERS_EU = N_("works in all of the EU")
    SPEAKS = N_("answers in %(language)s")
    SPEAKS_ON = N_("answers in %(language)s on %(weekdays)s")
    INTERPRETS = N_("answers in %(language)s through an interpreter")
    OPEN = N_("is open then")
    OPENS = N_("is closed then and opens %(weekdays)s %(clock)s (%(city)s time)")
    HOURS_UNKNOWN = N_("does not state its hours")
    FROM_ABROAD = N_("can be dialled from a foreign SIM")
    VERIFIED = N_("was verified on %(date)s")
    # Why another one that could be named comes after the chosen one.
    CLOSED = N_("is closed then")
    FARTHER = N_("covers a wider area, not this one alone")
    INTERPRETER = N_("needs an interpreter")
    STATE = N_("is not known to be independent of the state")
    LATER = N_("is as good, but stands later in the directory")
    # Why it may not be named at all.
    OTHER_KIND = N_("gives another kind of help: %(kind)s")
    ELSEWHERE = N_("does not cover the place")
    UNSOURCED = N_("no source states its number")
    ENDED = N_("ended on %(date)s")
    NEVER_VERIFIED = N_("was never verified")
    DUE = N_("was verified on %(date)s, which is not within the last %(days)s days")
    NO_NUMBER = N_("has no number that is known to work with a foreign SIM")
    LANGUAGES_UNKNOWN = N_("does not say which languages it answers in")
    OTHER_LANGUAGE = N_("answers only in %(languages)s")
    NEVER = N_("is never open on the days on which it answers in %(language)s")

    def reason(self, **values: object) -> Reason:
        """Return this cause with the values of its sentence."""
        return Reason(self, self.value, values)


def _said(name: str, value: object) -> object:
    """Return a value as an English sentence says it."""
    if name == "language":
        return _language(str(value))
    if isinstance(value, list | tuple):
        return listed(_language(code) if name == "languages" else code.capitalize() for code in value)
    return value.isoformat() if isinstance(value, date) else value


def _language(code: str) -> str:
    known = all_languages().get(code) or all_languages().get(code.partition("-")[0])
    return known.name if known else code or "an unknown language"
