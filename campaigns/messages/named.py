"""Pure functions list the numbers for help that the texts of an approved campaign may name, and no others.

Which line is nearest and open changes by the hour, so what is approved is the whole set: every number of each line
that somebody verified, of the kinds that the texts ask for, and what members confirmed for emergencies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from campaigns.core.errors import PlaceholderError
from campaigns.directory.emergency import all_emergency_rows
from campaigns.directory.models import SOURCED
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.messages.help_numbers import KnownHelp, kinds_asked
from campaigns.messages.text.placeholders import names_in


@dataclass(frozen=True, slots=True)
class NamedNumbers:
    """A set of (service, number) and of (country, emergency number)."""

    #: Numbers by id of the service.
    services: Mapping[int, frozenset[str]]
    #: By alpha-2, where members confirmed one; elsewhere the table of the program counts.
    emergency: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return what is digested; {} for nothing."""
        services = {str(key): sorted(numbers) for key, numbers in sorted(self.services.items())}
        parts = {"services": services, "emergency": dict(sorted(self.emergency.items()))}
        return {name: part for name, part in parts.items() if part}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> NamedNumbers:
        """Read what `to_json` wrote."""
        services = {int(key): frozenset(numbers) for key, numbers in stored.get("services", {}).items()}
        return cls(services, dict(stored.get("emergency", {})))

    def has(self, service_id: int, number: str) -> bool:
        """Say whether this number of this service is in the set."""
        return number in self.services.get(service_id, ())

    def has_emergency(self, country: str, number: str) -> bool:
        """Say whether this is the country's number for emergencies."""
        row = all_emergency_rows().get(country)
        return number == self.emergency.get(country, row.single_number if row else None)

    def of(self, known: KnownHelp) -> KnownHelp:
        """Return what is known with those of its numbers that are in the set, as if there were no others."""
        services = [
            replace(
                each,
                number_national=self._number(each, each.number_national),
                number_from_abroad=self._number(each, each.number_from_abroad),
            )
            for each in known.services
            if each.service_id in self.services
        ]
        numbers = known.emergency.items()
        emergency = {country: number for country, number in numbers if self.has_emergency(country, number)}
        return replace(known, services=services, emergency=emergency)

    def beyond(self, other: NamedNumbers) -> list[str]:
        """Return the numbers of this set that the other one does not hold."""
        pairs = ((key, number) for key, numbers in self.services.items() for number in numbers)
        services = (number for key, number in pairs if not other.has(key, number))
        countries = self.emergency.items()
        emergency = (number for country, number in countries if not other.has_emergency(country, number))
        return sorted({*services, *emergency})

    def joined(self, other: NamedNumbers) -> NamedNumbers:
        """Return both sets in one; of two emergency numbers of a country the other's counts."""
        keys = [*self.services, *other.services]
        both = {key: self.services.get(key, frozenset()) | other.services.get(key, frozenset()) for key in keys}
        return NamedNumbers(both, {**self.emergency, **other.emergency})

    def _number(self, service: ServiceFacts, number: str | None) -> str | None:
        return number if number and self.has(service.service_id, number) else None


def kinds_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the kinds of help that any of the texts asks for; a faulty text asks for none."""
    return frozenset(kind for text in texts for kind in _kinds(text))


def nameable(
    services: Iterable[ServiceFacts], emergency: Mapping[str, str], kinds: Collection[str]
) -> NamedNumbers:
    """Return what texts that ask for these kinds may name; `emergency` is what members confirmed, by country.

    A verification that has lapsed counts, because the line is named again once somebody tried the same number;
    one that was never tried, or is not verified any more, is none of them.
    """
    if not kinds:
        return NamedNumbers({}, {})
    found = {
        each.service_id: frozenset(filter(None, (each.number_national, each.number_from_abroad)))
        for each in services
        if each.kind in kinds and each.verified_on is not None and each.source_status == SOURCED
    }
    return NamedNumbers(found, dict(emergency))


def _kinds(text: str) -> Collection[str]:
    try:
        return kinds_asked(names_in(text)).values()
    except PlaceholderError:
        return ()
