"""Waves of a run: each zone at its own hour, unknown zones only when it is day everywhere near."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.time_zones import PutOff, RunWave, waves_of_run
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.planning.policy import USUAL
from tests.delivery.builders import a_planned_run, frozen, people
from tests.factories import NOON

MORNING = datetime(2026, 3, 3, 9, 30)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock.running_on(lambda: NOON):
        yield


def planned(sessions: sessionmaker[Session], vault: Vault, zones: dict[str | None, int], **content: object) -> int:
    """Fan out a run for so many people in each zone; return its id."""
    values: dict[str, Any] = {"zone_policy": "recipient", "keeps_quiet": True} | content
    with sessions.begin() as session:
        run = a_planned_run(session, frozen=frozen(**values), occurrence=MORNING)
        for number, (zone, count) in enumerate(zones.items()):
            people(session, run.organisation_id, vault, count=count, time_zone=zone, prefix=f"+3806{number}0")
        run_id = run.id
    fan_out(sessions, run_id, policy=USUAL)
    return run_id


def waves(sessions: sessionmaker[Session], run_id: int) -> list[RunWave]:
    with sessions() as session:
        return waves_of_run(session, session.get_one(Run, run_id))


def test_each_zone_is_a_wave(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault, {"Europe/Kyiv": 4, "Europe/Warsaw": 2, "Asia/Kathmandu": 1})
    assert [(wave.due_at, wave.clocks, wave.people) for wave in waves(sessions, run_id)] == [
        (datetime(2026, 3, 3, 3, 45, tzinfo=UTC), (("Asia/Kathmandu", MORNING),), 1),
        (datetime(2026, 3, 3, 7, 30, tzinfo=UTC), (("Europe/Kyiv", MORNING),), 4),
        (datetime(2026, 3, 3, 8, 30, tzinfo=UTC), (("Europe/Warsaw", MORNING),), 2),
    ]


def test_unknown_zone_waits_for_the_narrow_window(sessions: sessionmaker[Session], vault: Vault) -> None:
    """At 09:30 in Warsaw it may still be night for them; at 11:00 it is day for two hours to the west."""
    run_id = planned(sessions, vault, {"Europe/Warsaw": 2, None: 3})
    known, unknown = waves(sessions, run_id)
    assert (known.people, unknown.people) == (2, 3)
    assert unknown.clocks == (("", MORNING.replace(hour=11, minute=0)),)


def test_unknown_zone_waits_only_where_hours_are_kept(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault, {None: 3}, zone_policy="fixed", keeps_quiet=False)
    [wave] = waves(sessions, run_id)
    assert (wave.clocks, wave.people) == ((("", MORNING),), 3)


def test_waves_say_what_waits_and_what_was_put_off(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault, {"Europe/Kyiv": 4, "Europe/Warsaw": 2})
    with sessions.begin() as session:
        in_kyiv = Delivery.due_at == datetime(2026, 3, 3, 7, 30, tzinfo=UTC)
        first, second, third = session.scalars(select(Delivery.id).where(in_kyiv).limit(3))
        session.execute(update(Delivery).where(Delivery.id == first).values(send_state=SendState.ACCEPTED))
        later = NOON + timedelta(days=1)
        for retried, seconds in ((second, 1), (third, 2)):
            due_at = later + timedelta(seconds=seconds)
            session.execute(update(Delivery).where(Delivery.id == retried).values(due_at=due_at))
    found = [(wave.due_at is None, wave.people, wave.waiting) for wave in waves(sessions, run_id)]
    assert found == [(False, 2, 1), (False, 2, 2), (True, 2, 2)]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("minutes", "due_at", "put_off"),
    [
        (24 * 60, datetime(2026, 3, 4, 7, tzinfo=UTC), PutOff.QUIET),
        (12 * 60, datetime(2026, 3, 3, 19, 30, tzinfo=UTC), PutOff.TOO_LATE),
    ],
)
def test_those_put_off_are_a_wave_of_their_own(
    sessions: sessionmaker[Session], vault: Vault, minutes: int, due_at: datetime, put_off: PutOff
) -> None:
    run_id = planned(sessions, vault, {"Europe/Kyiv": 4, "Europe/Warsaw": 2}, expires_after_minutes=minutes)
    quiet_in_kyiv = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
    with clock.running_on(lambda: quiet_in_kyiv):
        with sessions.begin() as session:
            line = Line(session.get_one(Run, run_id).sender_id)
            # In whatever order fan-out wrote them.
            in_kyiv = Delivery.due_at == datetime(2026, 3, 3, 7, 30, tzinfo=UTC)
            for each in session.scalars(select(Delivery.id).where(in_kyiv).limit(3)).all():
                Claims(vault).claim(session.connection(), Ask(line, run_id, each - 1, 1, through=each))
        found = waves(sessions, run_id)
    assert [(wave.people, wave.waiting, wave.put_off) for wave in found] == [
        (1, 1, None),
        (2, 2, None),
        (3, 3, put_off),
    ]
    assert (found[2].due_at, [zone for zone, _ in found[2].clocks]) == (due_at, ["Europe/Kyiv"])
