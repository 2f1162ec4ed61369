"""A rehearsal is for invented people: the plan says how many and where, and nobody there makes a difference."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout import invented_people
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut, RunText
from campaigns.delivery.rehearsal_addresses import country_of, is_nobodys, nobodys, stand_in
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Organisation
from tests.delivery.builders import a_planned_run, frozen, people
from tests.factories import a_place, a_region, a_sender, a_service

pytestmark = pytest.mark.one_database

REHEARSAL = {"is_rehearsal": True, "schedule_id": None}


def rehearsed(sessions: sessionmaker[Session], **changes: Any) -> int:
    """Plan a rehearsal and return its id; `organisation_of` may add to its organisation before."""
    prepare = changes.pop("prepare", None)
    with sessions.begin() as session:
        run = a_planned_run(session, **REHEARSAL | {"frozen": frozen()} | changes)
        if prepare is not None:
            prepare(session, run)
        run_id = run.id
    fan_out(sessions, run_id, policy=USUAL)
    return run_id


def deliveries(sessions: sessionmaker[Session], run_id: int) -> list[Delivery]:
    with sessions() as session:
        return list(session.scalars(select(Delivery).where(Delivery.run_id == run_id).order_by(Delivery.id)))


@pytest.mark.parametrize("count", [0, 1, 25])
def test_nobody_makes_a_difference(sessions: sessionmaker[Session], vault: Vault, count: int) -> None:
    def prepare(session: Session, run: Run) -> None:
        if count:
            people(session, run.organisation_id, vault, count=count)

    run_id = rehearsed(sessions, prepare=prepare)
    found = deliveries(sessions, run_id)
    with sessions() as session:
        run = session.get_one(Run, run_id)
        texts = dict(session.execute(select(RunText.id, RunText.language)).all())
        left_out = session.scalars(select(RunLeftOut)).all()
    assert (run.state, run.planned, left_out) == (RunState.RUNNING, 40, [])
    assert Counter(texts[each.text_id] for each in found) == {"en": 20, "uk": 20}
    assert all(each.contact_id < 0 and is_nobodys(each.address_id) for each in found)


def test_neither_contacts_nor_addresses_are_read(sessions: sessionmaker[Session], vault: Vault) -> None:
    asked: list[str] = []
    engine = sessions.kw["bind"]

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    try:
        with sessions.begin() as session:
            run = a_planned_run(session, **REHEARSAL)
            asked.clear()
        fan_out(sessions, run.id, policy=USUAL)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert asked
    assert not [statement for statement in asked if re.search(r"(FROM|JOIN|,) (contact|address)\b[^_]", statement)]


@pytest.mark.both_databases
def test_people_are_spread_over_the_places_of_the_audience(sessions: sessionmaker[Session]) -> None:
    def prepare(session: Session, run: Run) -> None:
        organisation = session.get_one(Organisation, run.organisation_id)
        regions = [a_region(session), a_region(session, code="UA-46", country="UA", name="Lviv")]
        places = [a_place(session, organisation, name=each.name, region_id=each.id) for each in regions]
        for each in regions:
            a_service(session, organisation, country=each.country, number_national=f"0800 100 20{each.id}")
        texts = {"en": "You are near ((place)). Help: ((hotline))"}
        run.frozen = frozen(texts, rule={"place_ids": [place.id for place in places]})

    found = deliveries(sessions, rehearsed(sessions, prepare=prepare))
    with sessions() as session:
        said = Counter(session.get_one(RunText, each.text_id).body for each in found)
    assert sorted(said.values()) == [10, 10]
    assert {str(words).split(".")[0] for words in said} == {"You are near Podkarpackie", "You are near Lviv"}
    assert Counter(country_of(each.address_id) for each in found) == {"PL": 10, "UA": 10}


def test_each_sender_writes_to_numbers_it_covers(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        senders = [
            a_sender(session, countries=["DE", "MD"]),
            a_sender(session, channel=Channel.TELEGRAM, gateway="telegram", secret_name="telegram"),
        ]
        run = a_planned_run(session, senders=senders, **REHEARSAL)
    fan_out(sessions, run.id, policy=USUAL)
    found = Counter((each.channel, country_of(each.address_id)) for each in deliveries(sessions, run.id))
    assert found == {("sms", "DE"): 20, ("sms", "MD"): 20, ("telegram", None): 40}


def test_many_kinds_of_people_are_fewer_of_each(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invented_people, "MOST_INVENTED", 9)
    with sessions.begin() as session:
        run = a_planned_run(session, **REHEARSAL)
    fan_out(sessions, run.id, policy=USUAL, chunk=3)
    assert len(deliveries(sessions, run.id)) == 8


@pytest.mark.parametrize("country", [None, "AA", "PL", "UA", "ZZ"])
def test_nobodys_address_names_the_country_of_its_number(country: str | None) -> None:
    address_id = nobodys(country)
    assert is_nobodys(address_id)
    assert country_of(address_id) == country
    assert stand_in(7, Channel.SMS, country_of(address_id)).startswith("+")
