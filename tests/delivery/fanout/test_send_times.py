"""Zones of a run: their quiet hours are written down with their times, and further when a member sends again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address
from campaigns.core.clock import running_on
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunQuiet
from campaigns.delivery.repair.resend import Chosen, resend
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.policy import Policy
from campaigns.staff.models import Organisation
from tests.delivery.builders import a_planned_run, frozen, people
from tests.factories import NOON, a_member


def planned(
    sessions: sessionmaker[Session], vault: Vault, *, minutes: int, keeps_quiet: bool = True, **changes: Any
) -> int:
    """Fan out a run of Monday noon (UTC) for people in Warsaw and of no known zone; return its id."""
    with sessions.begin() as session:
        content = frozen(keeps_quiet=keeps_quiet, expires_after_minutes=minutes)
        run = a_planned_run(session, **{"frozen": content, "occurrence": datetime(2026, 3, 2, 13)} | changes)
        people(session, run.organisation_id, vault, count=2, time_zone="Europe/Warsaw")
        people(session, run.organisation_id, vault, count=1, prefix="+38050")
        run_id = run.id
    with running_on(lambda: NOON):
        fan_out(sessions, run_id, policy=Policy(36_500))
    return run_id


def quiet_of(sessions: sessionmaker[Session], zone: str) -> list[tuple[datetime, datetime]]:
    with sessions() as session:
        rows = select(RunQuiet.begins_at, RunQuiet.ends_at).where(RunQuiet.time_zone == zone)
        return [(row.begins_at, row.ends_at) for row in session.execute(rows.order_by(RunQuiet.begins_at))]


def march(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.one_database
def test_quiet_hours_are_known_until_all_is_expired(sessions: sessionmaker[Session], vault: Vault) -> None:
    planned(sessions, vault, minutes=36 * 60)
    assert quiet_of(sessions, "Europe/Warsaw") == [
        (march(2, 19), march(3, 8)),
        (march(3, 19), march(4, 8)),
    ]
    assert quiet_of(sessions, "") == [(march(2, 16), march(3, 10)), (march(3, 16), march(4, 10))]


def test_run_of_an_hour_meets_no_quiet_hours(sessions: sessionmaker[Session], vault: Vault) -> None:
    planned(sessions, vault, minutes=60)
    assert quiet_of(sessions, "Europe/Warsaw") == []


@pytest.mark.one_database
@pytest.mark.parametrize(("priority", "keeps_quiet"), [(Priority.FIRST, True), (Priority.ORDINARY, False)])
def test_other_runs_know_of_none(
    sessions: sessionmaker[Session], vault: Vault, priority: Priority, keeps_quiet: bool
) -> None:
    planned(sessions, vault, minutes=36 * 60, priority=priority, keeps_quiet=keeps_quiet)
    assert quiet_of(sessions, "Europe/Warsaw") == []


@pytest.mark.one_database
def test_urgent_run_keeps_the_hours_of_countries_alone(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Romania has its own, from 22:00 to 8:00; for Poland the table is silent."""
    with sessions.begin() as session:
        content = frozen(keeps_quiet=True, expires_after_minutes=24 * 60)
        occurrence = datetime(2026, 3, 2, 13)
        run = a_planned_run(session, frozen=content, occurrence=occurrence, priority=Priority.URGENT)
        people(session, run.organisation_id, vault, count=1, time_zone="Europe/Warsaw")
        people(session, run.organisation_id, vault, count=1, time_zone="Europe/Bucharest", prefix="+40712")
        romanian = session.scalar(select(func.max(Address.id)))
        session.execute(update(Address).where(Address.id == romanian).values(country="RO"))
    with running_on(lambda: NOON):
        fan_out(sessions, run.id, policy=Policy(36_500))
    assert quiet_of(sessions, "Europe/Warsaw") == []
    assert quiet_of(sessions, "Europe/Bucharest") == [(march(2, 20), march(3, 6))]


def test_what_is_sent_again_knows_the_next_nights(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault, minutes=12 * 60)
    assert quiet_of(sessions, "Europe/Warsaw") == [(march(2, 19), march(3, 8))]
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        session.execute(update(Delivery).values(send_state=SendState.UNCONFIRMED))
        run.state = RunState.DONE
        member = a_member(session, session.get_one(Organisation, run.organisation_id))
        with running_on(lambda: march(4, 23)):
            resend(session, run, Chosen(), by=member.id, reason="They never got it.", vault=vault)
    assert quiet_of(sessions, "Europe/Warsaw")[1:] == [(march(4, 23), march(5, 8))]
