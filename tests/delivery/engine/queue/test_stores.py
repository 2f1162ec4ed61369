"""The store in memory keeps the promises of the port as the one on a database does: each test runs on both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.flow.breaker import REFUSED
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result, Store, put_back
from campaigns.delivery.engine.queue.memory_store import MemoryDelivery, MemoryRun, MemoryStore
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.planning.models import Health, Run, RunState
from tests.delivery.builders import FAR, TEXT, a_running_run, all_deliveries
from tests.factories import NOON

#: People of the one run.
COUNT = 6


class Bed(ABC):
    """A store with one running run, whose deliveries are due."""

    store: Store
    run_id: int
    sender_id: int
    #: Ids of the deliveries, and of their addresses.
    ids: list[int]
    address_ids: list[int]

    @abstractmethod
    def change(self, place: int, **values: datetime) -> None:
        """Change times of the delivery at a place."""

    @abstractmethod
    def leave(self, place: int) -> None:
        """Let the person of the delivery at a place say stop; the queue does not know it yet."""

    @abstractmethod
    def move_run(self, state: RunState) -> None:
        """Stop the run, or let it go on."""

    @abstractmethod
    def states(self) -> list[SendState]:
        """Return the states of the deliveries, by id."""

    @abstractmethod
    def attempts(self) -> list[int]:
        """Return how many calls were begun for each delivery."""

    @abstractmethod
    def lose(self, place: int) -> None:
        """Let the reaper take the delivery at a place for lost."""

    def claim(self, *, after: int = 0, limit: int = 100, through: int | None = None) -> Found:
        """Claim deliveries of the run."""
        return self.store.exchange((), Ask(Line(self.sender_id), self.run_id, after, limit, through))

    def write(self, claimed: Claimed, state: SendState, **changes: Any) -> None:
        """Write what became of a claim."""
        self.store.exchange([Result(claimed.id, claimed.token, state, claimed.attempts, **changes)], None)


class MemoryBed(Bed):
    def __init__(self) -> None:
        self.store = self._store = MemoryStore[MemoryDelivery](
            [SenderFacts(1, "memory", "memory", "+15005550006", 1000.0, Channel.SMS)]
        )
        self.run_id, self.sender_id = 1, 1
        run = MemoryRun(1, 1, TEXT)
        rows = [
            MemoryDelivery(number, run, number + 50, f"+38067000000{number}", f"reference{number}", NOON, FAR)
            for number in range(1, COUNT + 1)
        ]
        self._store.begin(run, rows)
        self._rows = rows
        self.ids, self.address_ids = [row.id for row in rows], [row.address_id for row in rows]

    def change(self, place: int, **values: datetime) -> None:
        for name, value in values.items():
            setattr(self._rows[place], name, value)

    def leave(self, place: int) -> None:
        self._store.withdrawn[self.address_ids[place]] = clock.now()

    def move_run(self, state: RunState) -> None:
        self._store.runs[self.run_id].state = state

    def states(self) -> list[SendState]:
        return [row.state for row in self._rows]

    def attempts(self) -> list[int]:
        return [row.attempts for row in self._rows]

    def lose(self, place: int) -> None:
        self._store.move(self._rows[place], SendState.UNKNOWN)


class DatabaseBed(Bed):
    def __init__(self, sessions: sessionmaker[Session], vault: Vault) -> None:
        self._sessions = sessions
        self.store = DatabaseStore(sessions, vault)
        with sessions.begin() as session:
            run = a_running_run(session, vault, count=COUNT)
            assert run.sender_id is not None
            self.run_id, self.sender_id = run.id, run.sender_id
            rows = [row for row in all_deliveries(session) if row.run_id == run.id]
            self.ids, self.address_ids = [row.id for row in rows], [row.address_id for row in rows]

    def change(self, place: int, **values: datetime) -> None:
        self._update(place, **values)

    def leave(self, place: int) -> None:
        address_id = self.address_ids[place]
        with self._sessions.begin() as session:
            session.get_one(Address, address_id).state = AddressState.OPTED_OUT
            contact_id = session.get_one(Address, address_id).contact_id
            session.add(
                Consent(
                    address_id=address_id,
                    contact_id=contact_id,
                    kind=ConsentKind.WITHDRAWN,
                    channel=Channel.SMS,
                    method="keyword",
                    wording="",
                    given_at=clock.now(),
                    recorded_at=clock.now(),
                )
            )

    def move_run(self, state: RunState) -> None:
        with self._sessions.begin() as session:
            session.get_one(Run, self.run_id).state = state

    def states(self) -> list[SendState]:
        with self._sessions() as session:
            states = select(Delivery.send_state).where(Delivery.run_id == self.run_id).order_by(Delivery.id)
            return [SendState(state) for state in session.scalars(states)]

    def attempts(self) -> list[int]:
        with self._sessions() as session:
            attempts = select(Delivery.attempts).where(Delivery.run_id == self.run_id).order_by(Delivery.id)
            return list(session.scalars(attempts))

    def lose(self, place: int) -> None:
        self._update(place, send_state=SendState.UNKNOWN)

    def _update(self, place: int, **values: Any) -> None:
        with self._sessions.begin() as session:
            session.execute(update(Delivery).where(Delivery.id == self.ids[place]).values(values))


class StoreContract:
    """What a lane may expect of any `Store`."""

    def test_claims_are_complete_and_in_order(self, bed: Bed) -> None:
        found = bed.claim(limit=4)
        assert [claimed.id for claimed in found.claimed] == bed.ids[:4]
        assert (found.last_id, found.taken, found.next_due) == (bed.ids[3], 4, None)
        claimed = found.claimed[0]
        assert (claimed.run_id, claimed.attempts, claimed.parts, claimed.template) == (bed.run_id, 1, 1, None)
        assert (claimed.address_id, claimed.to, claimed.body) == (bed.address_ids[0], "+380670000001", TEXT)
        assert claimed.expires_at == FAR
        assert bed.states() == [SendState.SENDING] * 4 + [SendState.QUEUED] * 2

    def test_cursor_leaves_behind_what_was_read(self, bed: Bed) -> None:
        assert [each.id for each in bed.claim(after=bed.ids[1], through=bed.ids[3]).claimed] == bed.ids[2:4]
        assert [each.id for each in bed.claim(after=bed.ids[1]).claimed] == bed.ids[4:]

    def test_nothing_is_claimed_twice(self, bed: Bed) -> None:
        assert len(bed.claim().claimed) == COUNT
        again = bed.claim(after=7)
        assert (again.claimed, again.taken, again.last_id) == ([], 0, 7)

    def test_claim_of_what_is_not_due_says_when_it_is(self, bed: Bed) -> None:
        for place in range(COUNT):
            bed.change(place, due_at=clock.now() + timedelta(hours=1))
        assert bed.claim().taken == 0
        assert bed.states() == [SendState.QUEUED] * COUNT

    def test_late_and_withdrawn_are_closed_instead_of_called(self, bed: Bed) -> None:
        bed.change(0, expires_at=NOON)
        bed.leave(1)
        found = bed.claim()
        assert [each.id for each in found.claimed] == bed.ids[2:]
        assert found.taken == COUNT
        closed = [SendState.EXPIRED, SendState.SUPPRESSED]
        assert bed.states() == closed + [SendState.SENDING] * (COUNT - 2)
        assert bed.attempts() == [0, 0] + [1] * (COUNT - 2)

    def test_stopped_run_is_not_claimed_from(self, bed: Bed) -> None:
        bed.move_run(RunState.STOPPED)
        assert bed.claim().taken == 0
        assert list(bed.store.snapshot().runs) == []

    def test_result_and_claim_are_one_exchange(self, bed: Bed) -> None:
        (claimed,) = bed.claim(limit=1).claimed
        accepted = Result(claimed.id, claimed.token, SendState.ACCEPTED, 1, provider_id="SM1")
        ask = Ask(Line(bed.sender_id), bed.run_id, claimed.id, 1)
        (second,) = bed.store.exchange([accepted], ask).claimed
        assert second.id == bed.ids[1]
        assert bed.states()[:3] == [SendState.ACCEPTED, SendState.SENDING, SendState.QUEUED]

    def test_uncalled_claim_costs_no_attempt(self, bed: Bed) -> None:
        (claimed,) = bed.claim(limit=1).claimed
        bed.store.exchange([put_back(claimed)], None)
        assert bed.states() == [SendState.QUEUED] * COUNT
        (again,) = bed.claim(limit=1).claimed
        assert (again.id, again.attempts) == (claimed.id, 1)
        assert again.token != claimed.token

    def test_result_counts_only_while_its_claim_holds_the_row(self, bed: Bed) -> None:
        (old,) = bed.claim(limit=1).claimed
        bed.store.exchange([put_back(old)], None)
        (new,) = bed.claim(limit=1).claimed
        bed.write(old, SendState.ACCEPTED, provider_id="SM1")
        assert bed.states()[0] is SendState.SENDING
        bed.write(new, SendState.FAILED, error="21614", outcome="rejected")
        bed.write(new, SendState.ACCEPTED, provider_id="SM2")
        assert bed.states()[0] is SendState.FAILED

    def test_late_reply_is_written_over_what_the_reaper_said(self, bed: Bed) -> None:
        (claimed,) = bed.claim(limit=1).claimed
        bed.lose(0)
        bed.write(claimed, SendState.ACCEPTED, provider_id="SM1")
        assert bed.states()[0] is SendState.ACCEPTED

    def test_retry_waits_for_its_time(self, bed: Bed) -> None:
        (claimed,) = bed.claim(limit=1).claimed
        later = clock.now() + timedelta(hours=1)
        bed.write(claimed, SendState.QUEUED, due_at=later, error="20429", outcome="throttled")
        assert bed.attempts()[0] == 1
        assert [each.id for each in bed.claim().claimed] == bed.ids[1:]

    def test_snapshot_tells_who_said_stop_and_what_runs(self, bed: Bed) -> None:
        bed.leave(2)
        snapshot = bed.store.snapshot()
        assert set(snapshot.withdrawn) == {bed.address_ids[2]}
        assert [(run.run_id, run.sender_id) for run in snapshot.runs] == [(bed.run_id, bed.sender_id)]
        assert snapshot.running == {bed.run_id}

    def test_paused_run_is_not_running(self, bed: Bed) -> None:
        bed.store.pause(bed.run_id, Sentence(REFUSED))
        assert bed.store.snapshot().running == frozenset()
        assert bed.claim().taken == 0

    def test_pause_changes_nothing_of_a_stopped_run(self, bed: Bed) -> None:
        bed.move_run(RunState.STOPPED)
        bed.store.pause(bed.run_id, Sentence(REFUSED))
        bed.move_run(RunState.RUNNING)
        assert bed.claim().taken == COUNT

    def test_blamed_sender_is_left_out(self, bed: Bed) -> None:
        bed.store.tell_health(bed.sender_id, Health.TROUBLED, "503")
        assert bed.store.snapshot().running == {bed.run_id}
        bed.store.tell_health(bed.sender_id, Health.PAUSED, "20003")
        assert bed.store.snapshot().running == frozenset()

    def test_stop_that_the_provider_knows_reaches_the_queue(self, bed: Bed) -> None:
        (claimed,) = bed.claim(limit=1).claimed
        bed.write(
            claimed,
            SendState.FAILED,
            error="21610",
            outcome="rejected",
            action=Action.OPT_OUT,
            address_id=claimed.address_id,
        )
        assert set(bed.store.snapshot().withdrawn) == {claimed.address_id}

    def test_sender_is_told_as_it_is(self, bed: Bed) -> None:
        facts = bed.store.open_sender(bed.sender_id, False)
        assert (facts.sender_id, facts.channel, facts.line) == (
            bed.sender_id,
            Channel.SMS,
            Line(bed.sender_id, Channel.SMS),
        )


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def bed(self) -> Bed:
        return MemoryBed()


@pytest.mark.one_database
class TestDatabaseStore(StoreContract):
    @pytest.fixture
    def bed(self, sessions: sessionmaker[Session], vault: Vault) -> Bed:
        return DatabaseBed(sessions, vault)
