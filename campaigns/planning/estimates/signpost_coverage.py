"""Pure functions count how many people are pointed to which service, and how many to none and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from campaigns.core.errors import NoSignpostError
from campaigns.planning.estimates.rendered_texts import RenderedText


@dataclass(frozen=True, slots=True)
class Pointed:
    """People by where their text points them; each person counts once."""

    #: By name of the service and language of the text.
    services: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By country, of those whose text names its emergency number because no service may be named, and that number.
    emergency: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By why there is none; the place of the error is a country.
    none: Counter[str] = field(default_factory=Counter)
    #: The errors of `none`, to be said in the reader's language.
    errors: dict[str, NoSignpostError] = field(default_factory=dict)
    #: Their text asks for no signpost.
    unasked: int = 0

    @property
    def by_service(self) -> Counter[str]:
        """People by name of the service."""
        total: Counter[str] = Counter()
        for (name, _language), people in self.services.items():
            total[name] += people
        return total

    @property
    def people(self) -> int:
        """Everybody who is written to."""
        return self.services.total() + self.emergency.total() + self.none.total() + self.unasked


def point_people(rendered: Iterable[RenderedText]) -> Pointed:
    """Count the people of `rendered` by the service that their text names, or by why it names none.

    Where a text asks for several kinds of help, its people are counted by the first.
    """
    pointed, unasked = Pointed(), 0
    for each in rendered:
        first = next(iter(each.help_numbers), None)
        if first is None:
            unasked += each.people
        elif first.signpost is not None:
            pointed.services[first.signpost.name, each.language] += each.people
        elif first.emergency is not None:
            pointed.emergency[each.country or "", first.emergency] += each.people
        elif first.why_none is not None:
            error = _of_country(first.why_none, each.country)
            pointed.none[str(error)] += each.people
            pointed.errors[str(error)] = error
    return replace(pointed, unasked=unasked)


def _of_country(error: NoSignpostError, country: str | None) -> NoSignpostError:
    """Return the error of a region as one of its country, so that equal causes are counted together."""
    place = country or error.values.get("place", "")
    return NoSignpostError(error.template, **(error.values | {"place": place}))


def pointed_table(pointed: Pointed) -> str:
    """Return the counts as text, most people first: services with their languages, then why there is none."""
    lines = [f"{pointed.people:>9,}  people are written to"]
    for name, people in pointed.by_service.most_common():
        languages = Counter({code: count for (other, code), count in pointed.services.items() if other == name})
        spoken = ", ".join(f"{code} {count:,}" for code, count in languages.most_common())
        lines.append(f"{people:>9,}  {name} ({spoken})")
    lines += [
        f"{people:>9,}  emergency number {number} of {country}"
        for (country, number), people in pointed.emergency.most_common()
    ]
    lines += [f"{people:>9,}  none: {why}" for why, people in pointed.none.most_common()]
    if pointed.unasked:
        lines.append(f"{pointed.unasked:>9,}  their text asks for no signpost")
    return "\n".join(lines)
