"""What a worker keeps of a large run is what a count of it finds, and its counts take little of the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.delivery.counts import LARGE_RUN, count_run
from campaigns.delivery.models import Delivery, Receipt, RunZone
from campaigns.delivery.monitoring import tally_renewal
from campaigns.delivery.monitoring.kept_tallies import (
    KeptTally,
    QuickCount,
    ask_for_comparison,
    ask_for_tally,
    figures_of,
    find_kept,
    tally_from,
)
from campaigns.delivery.monitoring.models import RunTally
from campaigns.delivery.monitoring.tally_renewal import CLAIMED_FOR, TallyRenewal, count_states
from campaigns.delivery.monitoring.time_zones import count_waves
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Run, RunState
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, add, an_organisation

DAY = timedelta(days=1)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def moment() -> Iterator[Clock]:
    standing = Clock()
    with clock.running_on(lambda: standing.now):
        yield standing


def make_run(sessions: sessionmaker[Session], **changes: Any) -> int:
    """Add a run that notes to be large, with deliveries in every state and with every receipt."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        campaign = a_campaign(session, organisation, a_member(session, organisation))
        run = a_run(session, campaign, **{"planned": LARGE_RUN + 1} | changes)
        add(session, RunZone(run_id=run.id, time_zone="Europe/Kyiv", due_at=NOON, expires_at=NOON + DAY))
        for minutes, (state, receipt) in enumerate(product(SendState, (None, *ReceiptState))):
            called = NOON - timedelta(minutes=minutes)
            due = NOON + timedelta(minutes=5 - minutes % 3 * 5)
            errors = {"error": "21614" if state is SendState.FAILED else None, "receipt_error": "30003"}
            facts = {"send_state": state, "receipt_state": receipt, "intent_at": called, "due_at": due}
            a_delivery(session, run, **facts, **errors)
        return run.id


def fill(sessions: sessionmaker[Session], run_id: int) -> None:
    """Add as many accepted deliveries as the run noted to have, beside those that are there."""
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        there = len(session.scalars(select(Delivery.id).where(Delivery.run_id == run_id)).all())
        shared: dict[str, Any] = {"run_id": run.id, "channel": "sms", "sender_id": run.sender_id, "text_id": 0}
        shared |= {"region_id": 0, "send_state": "accepted", "due_at": NOON, "expires_at": NOON, "attempts": 1}
        rows = [
            shared | {"contact_id": 10**9 + number, "address_id": number, "reference": uuid4().hex}
            for number in range(run.planned - there)
        ]
        session.execute(insert(Delivery), rows)


def renewal(sessions: sessionmaker[Session]) -> TallyRenewal:
    return TallyRenewal(sessions, lambda: False)


def look(sessions: sessionmaker[Session], run_id: int, moment: Clock) -> None:
    """Ask for a run as a page does that finds its tally old."""
    with sessions.begin() as session:
        ask_for_tally(session, [run_id], now=moment.now)


def kept(sessions: sessionmaker[Session], run_id: int) -> KeptTally:
    with sessions() as session:
        return find_kept(session, [run_id]).get(run_id, KeptTally())


def test_kept_tally_is_what_a_count_finds(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id = make_run(sessions)
    look(sessions, run_id, moment)
    assert renewal(sessions).renew() == 1
    with sessions() as session:
        counted = replace(count_run(session, run_id, now=NOON), noted=LARGE_RUN + 1)
        waves = count_waves(session, run_id)
    found = kept(sessions, run_id)
    assert (found.tally, sorted(found.waves, key=str)) == (counted, sorted(waves, key=str))
    assert counted.contradicted
    assert counted.due
    assert tally_from(figures_of(counted, waves), NOON) == counted
    assert found.states == QuickCount(NOON, counted.by_state, [])


def test_states_alone_are_what_a_count_finds(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id = make_run(sessions)
    make_run(sessions, planned=1)
    fill(sessions, run_id)
    with sessions() as session:
        quick = count_states(session, run_id, now=NOON)
        assert quick.by_state == count_run(session, run_id, now=NOON).by_state
    assert sum(quick.by_state.values()) == LARGE_RUN + 1


def test_states_follow_a_run_within_seconds(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id, counts = make_run(sessions), renewal(sessions)
    found = []
    for seconds in (0, 1, 1):
        moment.move(seconds=seconds)
        counts.renew()
        found.append(kept(sessions, run_id).states)
        with sessions.begin() as session:
            queued = update(Delivery).where(Delivery.send_state == SendState.QUEUED)
            session.execute(queued.values(send_state=SendState.ACCEPTED))
            # However busy the machine was.
            session.execute(update(RunTally).values(states_took_ms=0))
    first, soon, later = found
    assert first == soon
    assert first is not None
    assert later is not None
    assert (first.by_state[SendState.QUEUED], later.by_state.get(SendState.QUEUED)) == (9, None)
    assert later.counted_at == NOON + timedelta(seconds=2)
    assert later.pace == pytest.approx(9 / 2)


def test_pace_is_of_the_last_minute() -> None:
    count = QuickCount(NOON, {SendState.ACCEPTED: 10})
    for seconds, accepted in ((50, 110), (100, 310)):
        later = QuickCount(NOON + timedelta(seconds=seconds), {SendState.ACCEPTED: accepted})
        count = later.following(count)
    assert count.pace == pytest.approx(4.0)
    assert QuickCount.from_json(count.to_json(), count.counted_at) == count


def test_all_of_a_moving_run_is_counted_for_whoever_looks(sessions: sessionmaker[Session], moment: Clock) -> None:
    """Where a count took five seconds, nobody asks for another one for a hundred."""
    run_id, counts = make_run(sessions), renewal(sessions)
    for seconds in range(60):
        moment.move(seconds=seconds)
        counts.renew()
    assert kept(sessions, run_id).tally is None
    look(sessions, run_id, moment)
    counts.renew()
    with sessions.begin() as session:
        session.execute(update(RunTally).values(took_ms=5_000))
        run = session.get_one(Run, run_id)
    found = kept(sessions, run_id)
    assert found.tally is not None
    assert not found.is_asked
    assert [found.is_old(run, moment.now + timedelta(seconds=each)) for each in (99, 101)] == [False, True]
    quick = replace(found, took=timedelta(0))
    assert [quick.is_old(run, moment.now + timedelta(seconds=each)) for each in (9, 11)] == [False, True]


def end(sessions: sessionmaker[Session], moment: Clock, **doubts: Any) -> int:
    """Count a run, let all of its messages be accepted but for those in `doubts`, and let it end."""
    run_id = make_run(sessions)
    look(sessions, run_id, moment)
    renewal(sessions).renew()
    moment.move(seconds=1)
    with sessions.begin() as session:
        session.execute(update(Run).values(state=RunState.DONE, finished_at=moment.now))
        others = update(Delivery).where(Delivery.send_state.not_in([*doubts]))
        session.execute(others.values(send_state=SendState.ACCEPTED, receipt_state=None))
    moment.move(seconds=1)
    return run_id


def test_figures_of_a_finished_run_are_exact_and_stay(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id, counts = end(sessions, moment), renewal(sessions)
    assert counts.renew() == 1
    tally = kept(sessions, run_id).tally
    assert tally is not None
    assert list(tally.by_state) == [SendState.ACCEPTED]
    moment.move(days=5)
    assert [counts.renew(), counts.renew()] == [1, 0]
    moment.move(days=30)
    assert counts.renew() == 0


def test_figures_stay_once_nothing_is_in_doubt(sessions: sessionmaker[Session], moment: Clock) -> None:
    """What could not be looked up is given up after a week, longer than receipts come."""
    run_id, counts = end(sessions, moment, unknown=True), renewal(sessions)
    for days in (0, 5, 5):
        moment.move(days=days)
        assert counts.renew() == 1
    with sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.UNCONFIRMED))
    moment.move(days=1)
    assert [counts.renew(), counts.renew()] == [1, 0]
    tally = kept(sessions, run_id).tally
    assert tally is not None
    assert list(tally.by_state) == [SendState.UNCONFIRMED]
    moment.move(days=30)
    assert counts.renew() == 0


@pytest.mark.parametrize("is_counting", [False, True])
def test_late_receipt_is_counted(
    sessions: sessionmaker[Session], moment: Clock, monkeypatch: pytest.MonkeyPatch, is_counting: bool
) -> None:
    """Also one that comes while a worker counts what it takes for final."""
    run_id, counts = end(sessions, moment), renewal(sessions)
    counts.renew()
    moment.move(days=5)

    def receive() -> None:
        with sessions.begin() as session:
            reference = session.scalars(select(Delivery.reference)).first() or ""
            store(session, [StatusUpdate(reference, "SM1", "delivered", None)], gateway="twilio")
            assert apply_receipts(session) == 1

    def receive_first(*given: Any) -> Any:
        receive()
        return figures_of(*given)

    if is_counting:
        monkeypatch.setattr(tally_renewal, "figures_of", receive_first)
    assert counts.renew() == 1
    monkeypatch.undo()
    if not is_counting:
        receive()
    moment.move(days=1)
    assert [counts.renew(), counts.renew()] == [1, 0]
    tally = kept(sessions, run_id).tally
    assert tally is not None
    assert tally.by_receipt == {ReceiptState.DELIVERED: 1}


def test_beside_a_run_that_moves_what_nobody_asked_for_waits_for_its_share_of_the_time(
    sessions: sessionmaker[Session], moment: Clock
) -> None:
    moving, counts = make_run(sessions), renewal(sessions)
    ended = [make_run(sessions, state=RunState.DONE, finished_at=NOON) for _ in range(2)]
    look(sessions, moving, moment)
    counts.renew()
    assert [kept(sessions, each).tally for each in ended] == [None, None]
    look(sessions, ended[0], moment)
    counts.renew()
    assert [kept(sessions, each).tally is None for each in ended] == [False, True]


def test_count_from_before_states_were_kept_does_not_hurry(sessions: sessionmaker[Session], moment: Clock) -> None:
    ended, counts = make_run(sessions, state=RunState.DONE, finished_at=NOON), renewal(sessions)
    counts.renew()
    with sessions.begin() as session:
        session.execute(update(RunTally).values(state=None))
    look(sessions, make_run(sessions), moment)
    moment.move(minutes=1)
    assert counts.renew() == 1
    moment.move(seconds=1)
    counts.renew()
    found = kept(sessions, ended)
    assert found.tally is not None
    assert found.tally.counted_at == NOON


def test_two_workers_do_not_count_the_same(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id = make_run(sessions, state=RunState.DONE, finished_at=NOON)
    with sessions.begin() as session:
        session.add(RunTally(run_id=run_id, claimed_until=NOON + CLAIMED_FOR))
    assert renewal(sessions).renew() == 0
    moment.move(seconds=CLAIMED_FOR.total_seconds())
    assert renewal(sessions).renew() == 1


def test_run_of_another_state_is_counted_anew(sessions: sessionmaker[Session], moment: Clock) -> None:
    run_id, counts = make_run(sessions), renewal(sessions)
    look(sessions, run_id, moment)
    counts.renew()
    found = kept(sessions, run_id)
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        assert not found.is_old(run, moment.now)
        run.state = RunState.PAUSED
        assert found.is_old(run, moment.now)
    assert [counts.renew(), counts.renew()] == [1, 0]


def test_paused_run_is_counted_more_seldom_since_it_pauses(sessions: sessionmaker[Session], moment: Clock) -> None:
    make_run(sessions, started_at=NOON - DAY, state=RunState.PAUSED)
    counts = renewal(sessions)
    counts.renew()
    moment.move(seconds=11)
    assert counts.renew() == 1
    with sessions.begin() as session:
        session.execute(update(RunTally).values(still_since=NOON - DAY))
    moment.move(seconds=11)
    assert counts.renew() == 0


def test_older_count_of_another_worker_is_not_kept(
    sessions: sessionmaker[Session], moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run(sessions, state=RunState.PAUSED)
    slow, quick = renewal(sessions), renewal(sessions)

    def overtaken(*given: Any) -> Any:
        monkeypatch.undo()
        figures = figures_of(*given)
        moment.move(seconds=CLAIMED_FOR.total_seconds())
        assert quick.renew() == 1
        return figures

    monkeypatch.setattr(tally_renewal, "figures_of", overtaken)
    assert slow.renew() == 1
    tally = kept(sessions, run_id).tally
    assert tally is not None
    assert tally.counted_at == moment.now


def test_run_that_cannot_be_counted_is_free_again(
    sessions: sessionmaker[Session], moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, counts = make_run(sessions, state=RunState.DONE, finished_at=NOON - 5 * DAY), renewal(sessions)
    monkeypatch.setattr(tally_renewal, "count_waves", None)
    with pytest.raises(TypeError):
        counts.renew()
    monkeypatch.undo()
    assert counts.renew() == 1
    assert kept(sessions, run_id).tally is not None


def test_run_that_another_worker_counted_since_is_left_to_it(
    sessions: sessionmaker[Session], moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(sessions, state=RunState.PAUSED)
    slow, quick = renewal(sessions), renewal(sessions)
    claim = slow._claim
    monkeypatch.setattr(TallyRenewal, "_claim", lambda self, *given, **how: first_the_other(self, *given, **how))

    def first_the_other(self: TallyRenewal, *given: Any, **how: Any) -> bool:
        monkeypatch.undo()
        assert quick.renew() == 1
        return claim(*given, **how)

    assert slow.renew() == 0


def test_one_costly_count_is_made_at_a_time(sessions: sessionmaker[Session], moment: Clock) -> None:
    """What is waited for most may be another one after it."""
    first, second = (make_run(sessions, state=RunState.PAUSED) for _ in range(2))
    counts = renewal(sessions)
    assert counts.renew() == 1
    assert [kept(sessions, each).tally is None for each in (first, second)] == [True, False]
    assert [counts.renew(), counts.renew()] == [1, 0]


def test_small_runs_are_left_alone(sessions: sessionmaker[Session], moment: Clock) -> None:
    make_run(sessions, planned=LARGE_RUN)
    assert renewal(sessions).renew() == 0


@pytest.mark.parametrize("planned", [1, LARGE_RUN + 1])
def test_receipts_are_compared_when_a_page_asks(
    sessions: sessionmaker[Session], moment: Clock, planned: int
) -> None:
    run_id = make_run(sessions, planned=planned)
    with sessions.begin() as session:
        reference = session.scalars(select(Delivery.reference)).first()
        session.execute(update(Delivery).values(provider_id="SM1"))
        facts: dict[str, Any] = {"gateway": "twilio", "status": "sent", "raw": {}, "received_at": NOON}
        session.add(Receipt(reference=reference, provider_id="SM2", **facts))
        session.execute(update(Run).values(started_at=NOON))
    counts = renewal(sessions)
    counts.renew()
    assert kept(sessions, run_id).compared_at is None
    moment.move(seconds=1)
    with sessions.begin() as session:
        ask_for_comparison(session, run_id, now=moment.now)
    assert counts.renew() == 1
    found = kept(sessions, run_id)
    assert (found.doubled, found.compared_at, found.is_comparing) == (1, moment.now, False)
    assert counts.renew() == 0


def test_only_what_is_old_is_asked_for() -> None:
    found = KeptTally(compared_at=NOON, compared_took=timedelta(seconds=30))
    assert [found.is_compared(NOON + timedelta(minutes=each)) for each in (9, 11)] == [True, False]
