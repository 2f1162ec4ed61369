"""A run says what was estimated: for the same people, place, hour and sender both render the same text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import GateError
from campaigns.delivery.fanout.texts import Combination, Renderer
from campaigns.messages.help_numbers import KnownHelp
from campaigns.planning.campaign_content import NO_CAP, Content, ScheduleContent
from campaigns.planning.estimates import audience_counts
from campaigns.planning.estimates.rendered_texts import NOWHERE, Whereabouts, longest_way, render_combinations
from tests.directory.signposting.test_choice import LINE, MONDAY

SENDER: dict[str, Any] = {"id": 1, "channel": "sms", "identity": "+48732100100", "countries": []}
CONTENT = Content(
    texts={},
    base_language="en",
    message_id=1,
    message_version=1,
    rule={},
    senders=(SENDER,),
    fallback_language=None,
    max_parts=9,
    link=None,
    code="K7",
    resend_unknown=False,
    schedules=(),
)
PAGES = "https://info.example"
WHEN = ScheduleContent("2026-03-02T18:00", None, "recipient", "Europe/Warsaw", 60, 1440)
PIECES = st.sampled_from(
    [
        "Call ((hotline))",
        "((hotline:shelter??it))",
        "((place))",
        "((link))",
        "((code))",
        "((stop))",
        "Ї’",
        " ",
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=5).map(" ".join)
SHELTER = replace(LINE, service_id=7, name="Beds", kind="shelter", number_national="800 700 700")


@given(
    text=TEXTS,
    language=st.sampled_from(["en", "uk", "ar"]),
    where=st.sampled_from([NOWHERE, Whereabouts("PL-18", "PL"), Whereabouts("MD-CU", "MD")]),
    number_country=st.sampled_from([None, "PL", "UA", "MD"]),
    link=st.sampled_from([None, "https://example.org/a", "https://example.org/go/K7"]),
    identity=st.sampled_from(["+48732100100", "NGOINFO"]),
    services=st.sampled_from([[], [LINE], [SHELTER], [LINE, SHELTER]]),
    place=st.sampled_from(["", "Medyka"]),
)
def test_run_says_what_was_estimated(
    text: str,
    language: str,
    where: Whereabouts,
    number_country: str | None,
    link: str | None,
    identity: str,
    services: list[Any],
    place: str,
) -> None:
    content = replace(CONTENT, texts={language: text}, link=link, senders=({**SENDER, "identity": identity},))
    known = KnownHelp(services, {"PL": "112"}, fresh_days=30)
    people = {audience_counts.Combination(3, language, number_country): 40}
    [estimated] = render_combinations(
        content, people, regions={3: where}, known=known, place=place, at=MONDAY, pages=PAGES
    )
    renderer = Renderer(
        frozen=content.freeze(WHEN, {}, cap=NO_CAP),
        known=known,
        regions={3: where},
        places={5: place},
        pages=PAGES,
    )
    way = longest_way(content.senders, number_country)
    combination = Combination(language, 3, place_id=5, roaming=estimated.need.roaming, channel="sms", stop=way)
    if estimated.filled.fault is not None:
        with pytest.raises(GateError, match="cannot be filled in"):
            renderer.render(combination, at=MONDAY)
    else:
        sent = renderer.render(combination, at=MONDAY)
        assert (sent.body, sent.parts) == (estimated.body, estimated.length.parts if estimated.length else 0)


def test_counted_link_is_estimated_with_the_region_that_it_is_sent_with() -> None:
    content = replace(CONTENT, texts={"en": "Read ((link))"}, link="https://example.org/go/K7")
    people = {audience_counts.Combination(3, "en", "PL"): 40}
    known = KnownHelp([], {}, fresh_days=30)
    regions = {3: Whereabouts("PL-18", "PL")}
    [text] = render_combinations(content, people, regions=regions, known=known, place="", at=MONDAY)
    assert text.body == "Read https://example.org/go/K7/PL-18"
