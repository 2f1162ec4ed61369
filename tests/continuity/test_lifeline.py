"""A worker claims only from a database that holds all that this machine has seen, and latches every other."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity import lifeline as module
from campaigns.continuity.latch import find_latch_reason, hold_instance, latch
from campaigns.continuity.lifeline import GAP_SECONDS, Lifeline, Standing
from campaigns.continuity.marks import Mark, read_marks
from campaigns.continuity.models import Instance, LatchReason, Pulse
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from tests.delivery.builders import a_running_run

Make = Callable[..., Lifeline]


@pytest.fixture
def make(sessions: sessionmaker[Session], tmp_path: Path) -> Iterator[Make]:
    """`make()`: the lifeline of one more worker of this machine; `make("other")` of another machine."""
    made: list[Lifeline] = []

    def of_worker(machine: str = "machine", seconds: Callable[[], float] = lambda: 0.0) -> Lifeline:
        made.append(Lifeline(sessions, tmp_path / machine / "mark", seconds=seconds))
        return made[-1]

    yield of_worker
    for lifeline in made:
        lifeline.close()


def reason_of(sessions: sessionmaker[Session]) -> LatchReason | None:
    with sessions() as session:
        return find_latch_reason(session)


def go_back(sessions: sessionmaker[Session], by: int = 1) -> None:
    """Take back the last steps, as a restored database does."""
    with sessions.begin() as session:
        session.execute(update(Pulse).values(number=Pulse.number - by))


def age(sessions: sessionmaker[Session], ago: timedelta) -> None:
    with sessions.begin() as session:
        session.execute(update(Pulse).values(seen_at=clock.now() - ago))


def a_run_to_claim(sessions: sessionmaker[Session], vault: Vault) -> Run:
    with sessions.begin() as session:
        return a_running_run(session, vault, count=3)


def claim(sessions: sessionmaker[Session], vault: Vault, lifeline: Lifeline, run: Run) -> int:
    """Claim what a run has due and return how many there were."""
    store = DatabaseStore(sessions, vault, lifeline)
    return len(store.exchange((), Ask(Line(run.sender_id), run.id, after=0, limit=10)).claimed)


def test_new_database_is_joined_at_once(make: Make) -> None:
    assert make().tend() is Standing.OPEN


def test_workers_that_meet_a_new_database_at_once_make_one_instance(sessions: sessionmaker[Session]) -> None:
    with ThreadPoolExecutor(1) as other:
        with sessions.begin() as session:
            mine = hold_instance(session).code
            theirs = other.submit(code_of_instance, sessions)
            # Long enough for the other to look, and then to wait for us.
            time.sleep(0.2)
        assert theirs.result() == mine


def code_of_instance(sessions: sessionmaker[Session]) -> str:
    with sessions.begin() as session:
        return hold_instance(session).code


def test_next_worker_of_the_machine_goes_on(make: Make) -> None:
    first = make()
    first.tend()
    first.close()
    assert make().tend() is Standing.OPEN


def test_second_worker_joins_a_living_one(make: Make) -> None:
    make().tend()
    assert make().tend() is Standing.OPEN


def test_worker_that_joins_while_another_goes_on_latches_nothing(
    make: Make, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one moves on whenever its marks are read: no number that it raised since may count as lost."""
    moments = itertools.count(0.0, 100.0)
    living = make(seconds=lambda: next(moments))
    living.tend()

    def read_later(beginning: Path) -> list[Mark]:
        living.tend()
        return read_marks(beginning)

    monkeypatch.setattr(module, "read_marks", read_later)
    assert make().tend() is Standing.OPEN
    assert reason_of(sessions) is None


def test_database_behind_its_mark_is_latched(make: Make, sessions: sessionmaker[Session]) -> None:
    first = make()
    first.tend()
    first.close()
    go_back(sessions)
    assert make().tend() is Standing.LATCHED
    assert reason_of(sessions) == LatchReason.BEHIND


def test_database_from_before_the_mark_is_latched(make: Make, sessions: sessionmaker[Session]) -> None:
    first = make()
    first.tend()
    first.close()
    with sessions.begin() as session:
        session.delete(session.scalars(select(Pulse)).one())
    assert make().tend() is Standing.LATCHED


def test_living_worker_claims_nothing_once_its_database_went_back(
    make: Make, sessions: sessionmaker[Session], vault: Vault
) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    go_back(sessions)
    assert claim(sessions, vault, lifeline, run) == 0
    with sessions() as session:
        assert progress_of(session, run.id) == {SendState.QUEUED: 3}


def test_idle_worker_notices_with_its_next_sign(make: Make, sessions: sessionmaker[Session]) -> None:
    moments = iter((0.0, 100.0, 100.0, 200.0, 200.0))
    lifeline = make(seconds=lambda: next(moments))
    lifeline.tend()
    go_back(sessions)
    assert lifeline.tend() is Standing.UNSURE
    assert lifeline.tend() is Standing.LATCHED


def test_living_worker_notices_that_its_database_moved(make: Make, sessions: sessionmaker[Session]) -> None:
    """As after the promotion of a replica that lacks nothing of this worker, but may lack what others claimed."""
    moments = iter((0.0, 100.0, 100.0, 200.0, 200.0))
    lifeline = make(seconds=lambda: next(moments))
    lifeline.tend()
    with sessions.begin() as session:
        instance = hold_instance(session)
        kind, _, rest = str(instance.place).partition(":")
        instance.place = f"{kind}:9{rest}"
    assert lifeline.tend() is Standing.UNSURE
    assert lifeline.tend() is Standing.LATCHED
    assert reason_of(sessions) == LatchReason.MOVED


def test_database_from_before_a_release_is_latched(make: Make, sessions: sessionmaker[Session]) -> None:
    """The mark is of the epoch that the release began, of which this database knows nothing."""
    with sessions.begin() as session:
        hold_instance(session).epoch = 1
    first = make()
    first.tend()
    first.close()
    with sessions.begin() as session:
        hold_instance(session).epoch = 0
    assert make().tend() is Standing.LATCHED
    assert reason_of(sessions) == LatchReason.BEHIND


def test_claims_raise_the_number_and_the_mark(make: Make, sessions: sessionmaker[Session], vault: Vault) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    assert claim(sessions, vault, lifeline, run) == 3
    lifeline.close()
    go_back(sessions)
    assert make().tend() is Standing.LATCHED


def test_latch_of_another_process_ends_claims(make: Make, sessions: sessionmaker[Session], vault: Vault) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    with sessions.begin() as session:
        latch(session, LatchReason.LISTED)
    assert claim(sessions, vault, lifeline, run) == 0
    assert DatabaseStore(sessions, vault, lifeline).snapshot().runs == ()
    assert not lifeline.is_open()


def test_death_between_claim_and_mark_latches_nothing(
    make: Make, sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    monkeypatch.setattr(lifeline, "confirm", lambda step: None)
    assert claim(sessions, vault, lifeline, run) == 3
    lifeline.close()
    assert make().tend() is Standing.OPEN


def test_death_before_the_first_mark_latches_nothing(
    make: Make, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    lifeline = make()
    monkeypatch.setattr(lifeline._file, "write", no_room)
    with pytest.raises(OSError, match="no room"):
        lifeline.tend()
    lifeline.close()
    assert make().tend() is Standing.OPEN
    assert reason_of(sessions) is None


def no_room(mark: object) -> None:
    raise OSError("no room")


def test_claims_whose_mark_cannot_be_written_go_back(
    make: Make, sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    monkeypatch.setattr(lifeline._file, "write", no_room)
    assert claim(sessions, vault, lifeline, run) == 0
    with sessions() as session:
        assert progress_of(session, run.id) == {SendState.QUEUED: 3}
    assert not lifeline.is_open()


def test_copy_in_another_place_is_latched_without_a_mark(make: Make, sessions: sessionmaker[Session]) -> None:
    make().tend()
    with sessions.begin() as session:
        instance = hold_instance(session)
        assert instance.place is not None
        kind, _, rest = instance.place.partition(":")
        instance.place = f"{kind}:9{rest}"
    assert make("elsewhere").tend() is Standing.LATCHED
    assert reason_of(sessions) == LatchReason.MOVED


def test_database_of_another_instance_under_the_same_address_is_latched(
    make: Make, sessions: sessionmaker[Session]
) -> None:
    first = make()
    first.tend()
    first.close()
    with sessions.begin() as session:
        session.execute(update(Instance).values(code="other"))
    assert make().tend() is Standing.LATCHED
    assert reason_of(sessions) == LatchReason.MOVED


def test_unknown_machine_without_a_witness_is_latched(
    make: Make, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    make().tend()
    monkeypatch.setattr(module, "WATCH_SECONDS", 5.0)
    moments = iter((0.0, 1.0, 6.0))
    newcomer = make("new machine", seconds=lambda: next(moments))
    assert [newcomer.tend() for _ in range(2)] == [Standing.WATCHING, Standing.LATCHED]
    assert reason_of(sessions) == LatchReason.STRANGER


def test_first_machine_after_a_release_needs_no_witness(make: Make, sessions: sessionmaker[Session]) -> None:
    make().tend()
    with sessions.begin() as session:
        session.execute(delete(Pulse))
        instance = hold_instance(session)
        instance.epoch, instance.released_at = 1, clock.now()
    assert make("new machine").tend() is Standing.OPEN


def test_unknown_machine_joins_a_cluster_that_lives(make: Make, sessions: sessionmaker[Session]) -> None:
    moments = iter(float(moment) for moment in range(0, 1000, 10))
    living, newcomer = make(seconds=lambda: next(moments)), make("new machine")
    living.tend()
    assert newcomer.tend() is Standing.WATCHING
    living.tend()
    assert newcomer.tend() is Standing.OPEN
    assert reason_of(sessions) is None


def test_after_a_silence_the_providers_are_asked_first(
    make: Make, sessions: sessionmaker[Session], vault: Vault
) -> None:
    first = make()
    first.tend()
    first.close()
    age(sessions, timedelta(hours=1))
    lifeline = make()
    run = a_run_to_claim(sessions, vault)
    assert lifeline.tend() is Standing.LISTENING
    assert lifeline.since is not None
    assert claim(sessions, vault, lifeline, run) == 0
    lifeline.heard()
    assert claim(sessions, vault, lifeline, run) == 3


def test_worker_that_slept_claims_nothing_before_it_looked_again(
    make: Make, sessions: sessionmaker[Session], vault: Vault
) -> None:
    lifeline = make()
    lifeline.tend()
    run = a_run_to_claim(sessions, vault)
    age(sessions, timedelta(seconds=GAP_SECONDS + 1))
    assert claim(sessions, vault, lifeline, run) == 0


def test_silence_ends_when_another_worker_has_listened(make: Make, sessions: sessionmaker[Session]) -> None:
    make().tend()
    age(sessions, timedelta(hours=1))
    first, second = make(), make()
    assert [first.tend(), second.tend()] == [Standing.LISTENING, Standing.LISTENING]
    first.heard()
    assert second.tend() is Standing.OPEN


def test_database_without_signs_of_life_is_asked_about_from_its_last_claim(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    lifeline = Lifeline(sessions, tmp_path / "mark", last_intent=lambda session: then)
    assert (lifeline.tend(), lifeline.since) == (Standing.LISTENING, then)
    lifeline.close()
