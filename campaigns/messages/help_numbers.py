"""Where a text says ((hotline)), a pure choice puts a service's number, else the country's for emergencies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from campaigns.core.errors import NoSignpostError
from campaigns.directory.models import ServiceKind
from campaigns.directory.signposting.choice import Need, Signpost, choose_signpost
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.messages.text.bidi_numbers import number_in_text
from campaigns.messages.text.placeholders import HOTLINE, KIND_MARK


@dataclass(frozen=True, slots=True)
class HelpNumber:
    """What one placeholder stands for, for people of one region, language, hour and SIM."""

    #: Name of the placeholder: "hotline", or "hotline:shelter".
    name: str
    signpost: Signpost | None = None
    #: The country's emergency number, named because no verified service fits.
    emergency: str | None = None
    #: Why no service may be named.
    why_none: NoSignpostError | None = None

    @property
    def number(self) -> str:
        """The number to dial; '' when there is none."""
        return self.signpost.number if self.signpost else self.emergency or ""


def kinds_asked(names: Iterable[str]) -> dict[str, str]:
    """Return the kind of help that each of the placeholders' names asks for; other placeholders are left out."""
    asked = ((name, name.partition(KIND_MARK)) for name in sorted(names))
    return {name: kind or ServiceKind.TRAFFICKING.value for name, (first, _, kind) in asked if first == HOTLINE}


@dataclass(frozen=True, slots=True)
class KnownHelp:
    """The numbers for help that an organisation's texts may name."""

    services: Sequence[ServiceFacts]
    #: Each country's emergency number, by alpha-2.
    emergency: Mapping[str, str]
    #: A service that was verified longer ago is not named.
    fresh_days: int

    def find(self, names: Iterable[str], need: Need) -> tuple[HelpNumber, ...]:
        """Return what each placeholder for help stands for.

        The kind of `need` is passed over: each placeholder names its own. A verified service of another kind
        never takes the place of one that is missing.
        """
        return tuple(self._find(name, replace(need, kind=kind)) for name, kind in kinds_asked(names).items())

    def _find(self, name: str, need: Need) -> HelpNumber:
        try:
            signpost = choose_signpost(self.services, need, fresh_days=self.fresh_days)
        except NoSignpostError as why_none:
            return HelpNumber(name, emergency=self.emergency.get(need.country or ""), why_none=why_none)
        return HelpNumber(name, signpost)


def values_of(found: Iterable[HelpNumber], language: str) -> dict[str, str]:
    """Return the numbers by placeholder as they stand in a text of `language`."""
    return {each.name: number_in_text(each.number, language) for each in found if each.number}


def lacks_number(found: Iterable[HelpNumber], required: Collection[str]) -> bool:
    """Say whether a text cannot be sent, because a placeholder that it requires stands for no number."""
    return any(each.name in required and not each.number for each in found)
