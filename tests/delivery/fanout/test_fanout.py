"""Fan-out: everybody of the audience once, or counted by reason; resumable at any instant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core.clock import running_on
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut, RunText, RunZone
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.factories import NOON, a_place, a_region, a_sender, a_service, an_organisation

pytestmark = pytest.mark.one_database


def plan(sessions: sessionmaker[Session], run_id: int, **options: Any) -> Run:
    fan_out(sessions, run_id, **{"policy": Policy(36_500), **options})
    with sessions() as session:
        return session.get_one(Run, run_id)


def quiet_run(session: Session, vault: Vault, *, zone: str, country: str, **changes: Any) -> Run:
    """Return a run of 21:30 in Warsaw on 2 March that keeps quiet hours, with one person in `zone`."""
    where = {"time_zone": zone, "region_id": changes.pop("region_id", None)}
    changes = {"frozen": frozen(keeps_quiet=True), "occurrence": datetime(2026, 3, 2, 21, 30)} | changes
    run = a_planned_run(session, **changes)
    people(session, run.organisation_id, vault, count=1, **where)
    session.scalars(select(Address)).one().country = country
    return run


def left_out(session: Session, run_id: int) -> dict[str, int]:
    rows = session.execute(
        select(RunLeftOut.reason, func.sum(RunLeftOut.people))
        .where(RunLeftOut.run_id == run_id)
        .group_by(RunLeftOut.reason)
    )
    return dict(rows.all())


def test_everybody_gets_one_delivery(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=7)
    run = plan(sessions, run_id, chunk=3)
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.QUEUED: 7}
        references = session.scalars(select(Delivery.reference)).all()
    assert (run.state, run.planned, len(set(references))) == (RunState.RUNNING, 7, 7)
    assert run.started_at is not None


def test_text_is_rendered_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=4)
        people(session, run.organisation_id, vault, count=4, language="uk", prefix="+38050")
    plan(sessions, run_id, chunk=3)
    with sessions() as session:
        texts = session.execute(select(RunText.language, RunText.parts, RunText.region_id)).all()
    assert sorted(tuple(text) for text in texts) == [("en", 1, 0), ("uk", 1, 0)]


def test_left_out_are_counted_by_reason(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=2)
        people(session, run.organisation_id, vault, count=3, language="ar", prefix="+38050")
        stopped = people(session, run.organisation_id, vault, count=4, prefix="+38063")
        for address in session.scalars(select(Address).where(Address.contact_id.in_(stopped))):
            address.state = AddressState.OPTED_OUT
    run = plan(sessions, run_id, chunk=2)
    with sessions() as session:
        assert left_out(session, run_id) == {"no_translation": 3, "opted_out": 4}
    assert run.planned == 2


def test_nobody_to_write_to_is_done(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        run_id = a_planned_run(session).id
    assert plan(sessions, run_id).state == RunState.DONE


def test_foreign_people_are_not_planned(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = a_planned_run(session).id
        people(session, an_organisation(session).id, vault, count=3)
    assert plan(sessions, run_id).planned == 0


@pytest.mark.both_databases
def test_signpost_depends_on_region_and_sim(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        poland, germany = a_region(session), a_region(session, code="DE-BE", country="DE")
        # Of a country without one number for every emergency nobody can be named without a member.
        kabul = a_region(session, code="AF-KAB", country="AF")
        a_service(session, organisation, number_national="116 111", number_from_abroad="+48 22 628 01 20")
        texts = {"en": "Call ((hotline))."}
        run_id = a_planned_run(session, organisation=organisation, frozen=frozen(texts)).id
        people(session, organisation.id, vault, count=2, region_id=poland.id)
        local = people(session, organisation.id, vault, count=2, region_id=poland.id, prefix="+48501")
        for address in session.scalars(select(Address).where(Address.contact_id.in_(local))):
            address.country = "PL"
        people(session, organisation.id, vault, count=3, region_id=germany.id, prefix="+38050")
        people(session, organisation.id, vault, count=1, region_id=kabul.id, prefix="+38063")
    run = plan(sessions, run_id)
    with sessions() as session:
        bodies = session.execute(
            select(RunText.body, func.count())
            .join(Delivery, Delivery.text_id == RunText.id)
            .group_by(RunText.body)
        )
        assert dict(bodies.all()) == {"Call +48 22 628 01 20.": 2, "Call 116 111.": 2, "Call 112.": 3}
        assert left_out(session, run_id) == {"no_signpost": 1}
    assert run.planned == 7


def test_fallback_stands_in_for_missing_signpost(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, frozen=frozen({"en": "Call ((hotline??us))."}))
        run_id = run.id
        people(session, run.organisation_id, vault, count=2)
    assert plan(sessions, run_id).planned == 2


def test_unverified_service_is_not_named(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation, region = an_organisation(session), a_region(session)
        a_service(session, organisation, verified_on=None)
        texts = frozen({"en": "Call ((hotline))."})
        run_id = a_planned_run(session, organisation=organisation, frozen=texts).id
        people(session, organisation.id, vault, count=2, region_id=region.id)
    assert plan(sessions, run_id).state == RunState.RUNNING
    with sessions() as session:
        text = session.scalars(select(RunText)).one()
        assert (text.body, text.service_ids) == ("Call 112.", [])


def test_too_long_text_pauses_the_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, frozen=frozen({"en": "word " * 100}, max_parts=2))
        run_id = run.id
        people(session, run.organisation_id, vault, count=2)
    run = plan(sessions, run_id)
    assert (run.state, run.planned) == (RunState.PAUSED, 0)
    assert "4 parts" in str(run.reason)


@pytest.mark.both_databases
def test_place_is_named_where_people_are(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        places = [a_place(session, organisation, name=name) for name in ("Medyka", "Siret")]
        for cell, place in enumerate(places, start=1):
            session.add(PlaceCell(cell=cell, place_id=place.id))
            people(session, organisation.id, vault, count=cell, cell=cell, prefix=f"+3805{cell}")
        rule = {"place_ids": [place.id for place in places]}
        values = frozen({"en": "You are near ((place))."}, rule=rule)
        run_id = a_planned_run(session, organisation=organisation, frozen=values).id
    plan(sessions, run_id)
    with sessions() as session:
        bodies = session.scalars(select(RunText.body).order_by(RunText.body)).all()
    assert bodies == ["You are near Medyka.", "You are near Siret."]


def test_recipients_clock_decides_when(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        values = frozen(zone_policy="recipient")
        run = a_planned_run(session, frozen=values, occurrence=datetime(2026, 3, 2, 18, 0))
        run_id = run.id
        people(session, run.organisation_id, vault, count=1, time_zone="Europe/Kyiv")
        people(session, run.organisation_id, vault, count=1, prefix="+38050")
    plan(sessions, run_id)
    with sessions() as session:
        due = dict(session.execute(select(RunZone.time_zone, RunZone.due_at)).all())
    assert due == {
        "Europe/Kyiv": datetime(2026, 3, 2, 16, tzinfo=UTC),
        # Nobody knows theirs: it counts as the run's own.
        "": datetime(2026, 3, 2, 17, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("zone", "country", "due_at"),
    [
        ("Europe/Warsaw", "PL", datetime(2026, 3, 3, 8, tzinfo=UTC)),
        ("Asia/Dubai", "AE", datetime(2026, 3, 3, 4, tzinfo=UTC)),
        ("Europe/Warsaw", "RO", datetime(2026, 3, 2, 20, 30, tzinfo=UTC)),
        ("America/New_York", "US", datetime(2026, 3, 2, 20, 30, tzinfo=UTC)),
    ],
)
def test_quiet_hours_move_what_is_due(
    sessions: sessionmaker[Session], vault: Vault, zone: str, country: str, due_at: datetime
) -> None:
    with sessions.begin() as session:
        run_id = quiet_run(session, vault, zone=zone, country=country).id
    with running_on(lambda: NOON):
        plan(sessions, run_id)
    with sessions() as session:
        delivery = session.scalars(select(Delivery)).one()
    assert delivery.due_at == due_at
    assert delivery.expires_at == due_at + timedelta(hours=12)


@pytest.mark.parametrize(
    ("zone", "country", "changes"),
    [
        # A correction passes also the hours of a country itself; what is urgent only our own default.
        ("Europe/Bucharest", "RO", {"priority": Priority.FIRST}),
        ("Europe/Warsaw", "PL", {"priority": Priority.URGENT}),
        ("Europe/Bucharest", "RO", {"frozen": frozen()}),
    ],
)
def test_some_runs_wait_for_no_quiet_hours(
    sessions: sessionmaker[Session], vault: Vault, zone: str, country: str, changes: dict[str, Any]
) -> None:
    with sessions.begin() as session:
        run_id = quiet_run(session, vault, zone=zone, country=country, **changes).id
    with running_on(lambda: NOON):
        plan(sessions, run_id)
    with sessions() as session:
        assert session.scalars(select(Delivery.due_at)).one() == datetime(2026, 3, 2, 20, 30, tzinfo=UTC)


def test_signpost_is_of_the_hour_after_quiet_hours(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation, region = an_organisation(session), a_region(session)
        a_service(session, organisation, number_national="1", hours={"mon": [["20:00", "24:00"]]})
        a_service(session, organisation, number_national="2", hours={"tue": [["08:00", "12:00"]]})
        values = frozen({"en": "Call ((hotline))."}, keeps_quiet=True)
        changes = {"organisation": organisation, "frozen": values, "region_id": region.id}
        run_id = quiet_run(session, vault, zone="Europe/Warsaw", country="PL", **changes).id
    with running_on(lambda: NOON):
        plan(sessions, run_id)
    with sessions() as session:
        assert session.scalars(select(RunText.body)).one() == "Call 2."


def test_released_run_has_its_whole_time(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, occurrence=datetime(2020, 1, 1, 12, 0))
        run_id = run.id
        people(session, run.organisation_id, vault, count=1)
    plan(sessions, run_id)
    with sessions() as session:
        assert session.scalars(select(Delivery.expires_at)).one() > datetime.now(UTC) + timedelta(hours=11)


def test_each_gets_the_first_sender_that_reaches_them(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        whatsapp = a_sender(session, channel=Channel.WHATSAPP)
        sms = a_sender(session, countries=["UA"])
        telegram = a_sender(session, channel=Channel.TELEGRAM, gateway="telegram", active=False)
        templates = {"uk": {"content_sid": "HX1", "slots": []}}
        run = a_planned_run(session, senders=[telegram, whatsapp, sms], frozen=frozen(templates=templates))
        both = people(session, run.organisation_id, vault, count=2)
        give = partial(give_addresses, session, run.organisation_id, vault)
        give(both, prefix="+38067", channel=Channel.WHATSAPP)
        only = people(session, run.organisation_id, vault, count=3, language="uk", prefix="+38063")
        by_whatsapp = give(only, prefix="+38063", channel=Channel.WHATSAPP)
        poles = people(session, run.organisation_id, vault, count=1, prefix="+48501")
        session.get_one(
            Address, session.scalars(select(Address.id).where(Address.contact_id == poles[0])).one()
        ).country = "PL"
        ids = (whatsapp.id, sms.id)
    plan(sessions, run.id)
    with sessions() as session:
        rows = session.scalars(select(Delivery).where(Delivery.run_id == run.id)).all()
        assert left_out(session, run.id) == {"no_sender": 1}
    assert {row.contact_id: (row.sender_id, row.channel) for row in rows} == {
        **dict.fromkeys(both, (ids[1], Channel.SMS)),
        **dict.fromkeys(only, (ids[0], Channel.WHATSAPP)),
    }
    assert {row.contact_id: row.address_id for row in rows if row.contact_id in only} == by_whatsapp


@pytest.mark.both_databases
def test_template_is_filled_like_the_text(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, channel=Channel.WHATSAPP)
        texts = {"en": "See ((link)), near ((place??home)). Code ((code))."}
        templates = {"en": {"content_sid": "HX1", "slots": ["link", "place??home", "code"]}}
        values = frozen(texts, link="https://a.example/k", templates=templates)
        run_id = (run := a_planned_run(session, sender=sender, frozen=values)).id
        contacts = people(session, run.organisation_id, vault, count=1)
        give_addresses(session, run.organisation_id, vault, contacts, prefix="+38067", channel=Channel.WHATSAPP)
    plan(sessions, run_id)
    with sessions() as session:
        text = session.scalars(select(RunText)).one()
    assert text.content_sid == "HX1"
    assert text.content_variables == {"1": "https://a.example/k", "2": "home", "3": "K7"}


@pytest.mark.both_databases
def test_rehearsals_are_named_apart(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        run_id = a_planned_run(session, is_rehearsal=True).id
    plan(sessions, run_id)
    with sessions() as session:
        references = session.scalars(select(Delivery.reference)).all()
    # Twenty people are invented for each of its two texts.
    assert len(set(references)) == 40
    assert {reference[:2] for reference in references} == {"r-"}


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.PAUSED, RunState.HELD])
def test_only_planned_runs_fan_out(sessions: sessionmaker[Session], vault: Vault, state: RunState) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session, state=state)).id
        people(session, run.organisation_id, vault, count=2)
    run = plan(sessions, run_id)
    assert (run.state, run.planned) == (state, 0)


def test_killed_planner_is_taken_over(engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=10)
        people(session, run.organisation_id, vault, count=4, language="ar", prefix="+38050")
    program = (
        "import sys\n"
        "from campaigns.core.database import make_engine, make_sessions\n"
        "from campaigns.delivery.fanout.fanout import fan_out\n"
        "from campaigns.planning.policy import USUAL\n"
        "fan_out(make_sessions(make_engine(sys.argv[1])), int(sys.argv[2]), policy=USUAL, chunk=3)\n"
    )
    url = engine.url.render_as_string(hide_password=False)
    for _ in range(2):
        killed = subprocess.run(
            [sys.executable, "-c", program, url, str(run_id)],
            env={**os.environ, "FINGERPOST_CRASH_AT": "planned:2"},
        )
        assert killed.returncode == -signal.SIGKILL
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.PLANNING
    run = plan(sessions, run_id, chunk=3)
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.QUEUED: 10}
        assert left_out(session, run_id) == {"no_translation": 4}
    assert run.planned == 10


def stop_texts(sessions: sessionmaker[Session], run_id: int) -> dict[str, int]:
    """Return how many people get each text."""
    with sessions() as session:
        bodies = session.execute(
            select(RunText.body, func.count())
            .join(Delivery, Delivery.text_id == RunText.id)
            .where(Delivery.run_id == run_id)
            .group_by(RunText.body)
        )
        return dict(bodies.all())  # type: ignore[arg-type]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("identity", "said"),
    [
        # In Poland an answer reaches a number; about Ukraine the sources differ, and unknown is not heard.
        ("+15005550006", {"Keep it. No more messages: STOP": 2, "Keep it.": 3}),
        ("NGOINFO", {"Keep it.": 5}),
    ],
)
def test_only_who_is_heard_is_told_how_to_stop(
    sessions: sessionmaker[Session], vault: Vault, identity: str, said: dict[str, int]
) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        sender = a_sender(session, identity=identity, two_way=identity.startswith("+"))
        run = a_planned_run(
            session, organisation=organisation, frozen=frozen({"en": "Keep it. ((stop))"}), senders=[sender]
        )
        for country, count, prefix in (("PL", 2, "+48501"), ("UA", 2, "+38050"), (None, 1, "+38063")):
            ids = people(session, organisation.id, vault, count=count, prefix=prefix)
            for address in session.scalars(select(Address).where(Address.contact_id.in_(ids))):
                address.country = country
        run_id = run.id
    plan(sessions, run_id)
    assert stop_texts(sessions, run_id) == said
