"""People are counted by the service they are pointed to, or by why there is none."""

from __future__ import annotations

from dataclasses import replace

from campaigns.core.errors import NoSignpostError
from campaigns.directory.signposting.choice import Need, Signpost
from campaigns.messages.filled_text import FilledText
from campaigns.messages.help_numbers import HelpNumber
from campaigns.planning.estimates.rendered_texts import RenderedText
from campaigns.planning.estimates.signpost_coverage import point_people, pointed_table
from tests.factories import NOON

LINE = Signpost(1, "Line", "116 111", (), None)
NEED = Need("PL-18", "PL", "uk", NOON, roaming=False)
WHY = "No help for %(place)s."


def rendered(people: int, **changes: object) -> RenderedText:
    """A text that asks for help, with what HelpNumber says of it; without `changes` it asks for none."""
    of_people = {name: changes.pop(name) for name in ("language", "country") if name in changes}
    found = (HelpNumber("hotline", **changes),) if changes else ()  # type: ignore[arg-type]
    need = replace(NEED, **of_people)  # type: ignore[arg-type]
    return RenderedText(region_id=1, people=people, need=need, filled=FilledText("", found))


def test_services_are_counted_over_languages() -> None:
    pointed = point_people([rendered(3, signpost=LINE), rendered(2, signpost=LINE, language="ru"), rendered(4)])
    assert (pointed.people, pointed.by_service, pointed.unasked) == (9, {"Line": 5}, 4)
    assert "5  Line (uk 3, ru 2)" in pointed_table(pointed)


def test_equal_causes_of_a_country_are_counted_together() -> None:
    regions = [rendered(2, why_none=NoSignpostError(WHY, place=place)) for place in ("PL-18", "PL-14")]
    unknown = rendered(1, country=None, why_none=NoSignpostError(WHY, place="nowhere"))
    pointed = point_people([*regions, unknown])
    assert pointed.none == {"No help for PL.": 4, "No help for nowhere.": 1}
    assert pointed.errors["No help for PL."].values == {"place": "PL"}


def test_emergency_numbers_are_counted_by_country() -> None:
    why = NoSignpostError(WHY, place="PL-18")
    pointed = point_people([rendered(3, emergency="112", why_none=why), rendered(2, signpost=LINE)])
    assert (pointed.emergency, pointed.none, pointed.people) == ({("PL", "112"): 3}, {}, 5)
    assert "3  emergency number 112 of PL" in pointed_table(pointed)
