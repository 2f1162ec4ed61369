"""Where all people of the demo are pointed: to a service that may be named, in their language, or why to none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.demo import stage
from campaigns.directory.queries import load_service_facts
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.planning.estimates.signpost_coverage import point_people, pointed_table
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Campaign
from campaigns.planning.policy import USUAL
from campaigns.schema import metadata
from tests.web.pages import page_settings

PEOPLE = 5000


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """The demo's campaign with all its invented people, on SQLite as the demo has it."""
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}")
    metadata.create_all(engine)
    with make_sessions(engine)() as session:
        cast = stage.hire(session)
        stage.mark_places(session, cast)
        stage.list_services(session, cast)
        # The two accounts that a demo has.
        settings = page_settings(engine, secret_telegram="5550100:token")
        stage.gather_people(session, cast, count=PEOPLE, settings=settings)
        yield stage.plan(session, cast, stage.write_message(session, cast), settings)
    engine.dispose()


def session_of(campaign: Campaign) -> Session:
    session = Session.object_session(campaign)
    assert session is not None
    return session


def test_everybody_has_a_service_or_a_reason(campaign: Campaign) -> None:
    found = assess(session_of(campaign), campaign, now=clock.now())
    pointed = point_people(found.rendered)
    assert pointed.people == found.tally.people
    assert pointed.unasked == 0
    assert pointed.by_service.total() > pointed.emergency.total() > 0
    assert pointed.none == {}
    table = pointed_table(pointed)
    assert all(name in table for name in (*pointed.by_service, *(number for _, number in pointed.emergency)))


def test_nobody_is_pointed_to_a_service_that_may_not_be_named(campaign: Campaign) -> None:
    session, now = session_of(campaign), clock.now()
    services = {each.service_id: each for each in load_service_facts(session, campaign.organisation_id)}
    for each in assess(session, campaign, now=now).rendered:
        for signpost in each.signposts:
            service = services[signpost.service_id]
            assert trust_of(service, now, 30) is Trust.VERIFIED
            assert each.language in service.languages
            assert service.country in (each.country, "EU")
            assert each.body is not None
            assert signpost.number in each.body.replace("\u200e", "")


def test_texts_have_room_for_a_link_to_leave(campaign: Campaign) -> None:
    policy = replace(USUAL, pages="http://127.0.0.1:65535")
    gates = assess(session_of(campaign), campaign, now=clock.now(), policy=policy).gates
    assert {each.passed for each in gates if each.name in ("length", "stop")} == {True}
