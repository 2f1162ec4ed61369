"""Quiet hours that begin while a run is sent: its people there wait, everybody else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask, Found
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunZone
from campaigns.delivery.queries import progress_of
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, frozen, people
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

pytestmark = pytest.mark.one_database

WARSAW, LONDON = "Europe/Warsaw", "Europe/London"
PREFIXES = {WARSAW: "+38067", LONDON: "+38050"}
#: Of Monday in UTC, where Warsaw is an hour ahead: a run begins, it gets quiet in Warsaw, and is so no longer.
BEGUN = datetime(2026, 3, 2, 18, tzinfo=UTC)
NIGHT = BEGUN + timedelta(hours=1)
MORNING = NIGHT + timedelta(hours=13)
LATE = NIGHT + timedelta(minutes=30)
#: What was claimed before it got quiet is called within so much time.
A_FEW_SECONDS = timedelta(seconds=5)


def begun(
    sessions: sessionmaker[Session],
    vault: Vault,
    *,
    warsaw: int = 3,
    london: int = 2,
    minutes: int = 24 * 60,
    pace: float = 1000.0,
) -> int:
    """Fan out a run that is due to people in Warsaw and London before it gets quiet; return its id."""
    with sessions.begin() as session:
        content = frozen(keeps_quiet=True, expires_after_minutes=minutes)
        sender = a_sender(session, pace=pace)
        run = a_planned_run(session, frozen=content, occurrence=datetime(2026, 3, 2, 19), sender=sender)
        for zone, count in ((WARSAW, warsaw), (LONDON, london)):
            if count:
                people(session, run.organisation_id, vault, count=count, time_zone=zone, prefix=PREFIXES[zone])
        run_id = run.id
    with clock.running_on(lambda: BEGUN):
        fan_out(sessions, run_id, policy=Policy(36_500))
    return run_id


def claim(sessions: sessionmaker[Session], vault: Vault, run_id: int, at: datetime, *, limit: int = 100) -> Found:
    with sessions.begin() as session, clock.running_on(lambda: at):
        line = Line(session.get_one(Run, run_id).sender_id)
        return Claims(vault).claim(session.connection(), Ask(line, run_id, 0, limit))


def rows_in(sessions: sessionmaker[Session], zone: str) -> list[Delivery]:
    with sessions() as session:
        there = select(Delivery).join(Contact, Contact.id == Delivery.contact_id).where(Contact.time_zone == zone)
        return list(session.scalars(there.order_by(Delivery.id)))


def change(sessions: sessionmaker[Session], model: type[Any], *where: Any, **values: Any) -> None:
    with sessions.begin() as session:
        session.execute(update(model).where(*where).values(**values))


def test_only_those_where_it_is_quiet_are_put_off(sessions: sessionmaker[Session], vault: Vault) -> None:
    found = claim(sessions, vault, begun(sessions, vault), LATE)
    assert (len(found.claimed), found.taken, found.next_due) == (2, 5, MORNING)
    assert {row.send_state for row in rows_in(sessions, LONDON)} == {SendState.SENDING}
    put_off = {
        (row.send_state, row.due_at, row.attempts, row.token, row.intent_at) for row in rows_in(sessions, WARSAW)
    }
    assert put_off == {(SendState.QUEUED, MORNING, 0, None, None)}


@pytest.mark.parametrize(
    ("at", "claimed"),
    [
        (NIGHT - timedelta(seconds=1), 5),
        (NIGHT, 2),
        (MORNING - timedelta(seconds=1), 0),
        (MORNING, 3),
    ],
)
def test_quiet_hours_hold_to_the_second(
    sessions: sessionmaker[Session], vault: Vault, at: datetime, claimed: int
) -> None:
    assert len(claim(sessions, vault, begun(sessions, vault), at).claimed) == claimed


def test_those_put_off_are_called_in_the_morning(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    claim(sessions, vault, run_id, LATE)
    again = claim(sessions, vault, run_id, LATE + timedelta(hours=1))
    assert (again.taken, again.next_due) == (0, MORNING)
    assert len(claim(sessions, vault, run_id, MORNING).claimed) == 3


def test_urgent_run_goes_on(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    change(sessions, Run, priority=Priority.FIRST)
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 5


def test_claim_stays_small(sessions: sessionmaker[Session], vault: Vault) -> None:
    found = claim(sessions, vault, begun(sessions, vault, london=0), LATE, limit=2)
    rows = rows_in(sessions, WARSAW)
    assert (found.taken, found.last_id) == (2, rows[1].id)
    assert [row.due_at for row in rows] == [MORNING, MORNING, BEGUN]


@pytest.mark.both_databases
def test_what_comes_back_at_night_waits_too(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    assert len(claim(sessions, vault, run_id, NIGHT - timedelta(seconds=1)).claimed) == 5
    change(sessions, Delivery, send_state=SendState.QUEUED, due_at=NIGHT + timedelta(seconds=3))
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 2
    assert {(row.due_at, row.attempts) for row in rows_in(sessions, WARSAW)} == {(MORNING, 1)}


def test_run_resumed_at_night_waits(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    change(sessions, Run, state=RunState.PAUSED)
    assert claim(sessions, vault, run_id, LATE).taken == 0
    change(sessions, Run, state=RunState.RUNNING)
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 2


def test_what_expires_at_night_expires(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault, minutes=6 * 60)
    claim(sessions, vault, run_id, LATE)
    over = BEGUN + timedelta(hours=6)
    assert {row.due_at for row in rows_in(sessions, WARSAW)} == {over}
    assert claim(sessions, vault, run_id, over).claimed == []
    assert {row.send_state for row in rows_in(sessions, WARSAW)} == {SendState.EXPIRED}


def test_stop_counts_before_and_after(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    first, second, third = (row.address_id for row in rows_in(sessions, WARSAW))
    change(sessions, Address, Address.id == first, state=AddressState.OPTED_OUT)
    claim(sessions, vault, run_id, LATE)
    with sessions.begin() as session:
        assert suppress_addresses(session, [second]) == 1
    claim(sessions, vault, run_id, MORNING)
    states = {row.address_id: row.send_state for row in rows_in(sessions, WARSAW)}
    assert states == {first: SendState.SUPPRESSED, second: SendState.SUPPRESSED, third: SendState.SENDING}


@pytest.mark.both_databases
def test_who_moved_goes_by_the_new_zone(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault)
    moved = rows_in(sessions, LONDON)[0].contact_id
    change(sessions, Contact, Contact.id == moved, time_zone=WARSAW)
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 1


@pytest.mark.both_databases
def test_number_of_another_country_goes_by_its_zone(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Nobody in Warsaw had a Polish number when it was planned; another sender may lead to one."""
    run_id = begun(sessions, vault)
    change(sessions, Address, country="PL")
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 2


@pytest.mark.both_databases
def test_country_with_other_hours_goes_on(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, frozen=frozen(keeps_quiet=True), occurrence=datetime(2026, 3, 2, 19))
        people(session, run.organisation_id, vault, count=3, time_zone=WARSAW)
        session.scalars(select(Address).order_by(Address.id)).first().country = "RO"  # type: ignore[union-attr]
        run_id = run.id
    with clock.running_on(lambda: BEGUN):
        fan_out(sessions, run_id, policy=Policy(36_500))
    assert len(claim(sessions, vault, run_id, LATE).claimed) == 1
    with sessions() as session:
        assert len(session.scalars(select(RunZone.country)).all()) == 2


class Passing:
    """A clock that begins before it gets quiet and can be put forward."""

    def __init__(self, begin: datetime) -> None:
        self._begin, self._started = begin, time.monotonic()

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=time.monotonic() - self._started)

    def jump(self, to: datetime) -> None:
        self._begin += to - self.now()


def sent_to(provider: MemoryProvider, zone: str) -> list[datetime]:
    """Return when people in a zone were written to, on the provider's clock."""
    return [each.created_at for each in provider.messages if each.to.startswith(PREFIXES[zone])]


def rests(sessions: sessionmaker[Session], run_id: int, at: Callable[[], datetime]) -> Callable[[], bool]:
    """Return whether nothing of a run is due or on its way."""

    def look() -> bool:
        busy = Delivery.send_state == SendState.SENDING
        due = (Delivery.send_state == SendState.QUEUED) & (Delivery.due_at <= at())
        with sessions() as session:
            return not session.scalars(select(Delivery.id).where(Delivery.run_id == run_id, busy | due)).first()

    return look


@pytest.mark.one_database
def test_nobody_is_called_in_quiet_hours(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = begun(sessions, vault, warsaw=400, london=60, pace=150.0)
    late = rows_in(sessions, WARSAW)[-20:]
    change(sessions, Delivery, Delivery.id.in_([row.id for row in late]), expires_at=NIGHT + timedelta(hours=6))
    provider, passing = MemoryProvider(seconds=0.002), Passing(NIGHT - timedelta(seconds=1))
    with clock.running_on(passing.now):
        drive(sessions, vault, provider, until=rests(sessions, run_id, passing.now))
        before = sent_to(provider, WARSAW)
        assert (len(sent_to(provider, LONDON)), 0 < len(before) < 380) == (60, True)
        assert max(before) < NIGHT + A_FEW_SECONDS
        passing.jump(MORNING)
        drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert min(sent_to(provider, WARSAW)[len(before) :]) >= MORNING
    assert set(provider.times_accepted().values()) == {1}
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: 440, SendState.EXPIRED: 20}
