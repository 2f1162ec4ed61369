"""Restore drills: in the middle of a run an instance's database is taken back, in the ways that operators know."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.models import Address
from campaigns.continuity.journal import keep_journal
from campaigns.continuity.latch import find_latch_reason
from campaigns.continuity.models import LatchReason, Pulse
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.restoring.command import resume_after_restore
from tests.faults.scene import Scene

#: How long a restored instance is watched for calls at least, in seconds; it is watched until it is latched.
WATCHED = 3.0
#: People who say stop after the backup, of a hundred.
STOPS_PERCENT = 5
#: How long a latch may take on a busy machine, and what is unknown may wait for the provider's list, in seconds.
PATIENCE = 60.0
#: How old the signs of life are after an outage, or in the snapshot of a machine.
AGE = timedelta(hours=1)
#: States in which nothing of a run is lost: sent, not sent for a reason, or for a member to decide.
SETTLED = (SendState.ACCEPTED, SendState.SUPPRESSED, SendState.UNKNOWN, SendState.UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a drill found."""

    people: int
    #: Why the instance was latched; None: it went on by itself.
    latched: LatchReason | None
    calls_before_release: int
    written_to_twice: int
    #: People who said stop after the backup, and how many of them were written to all the same.
    stops: int
    stops_broken: int
    lost: int
    #: Deliveries whose fate a member decides.
    unknown: int
    seconds: float


class Drill:
    """A run that worker processes send, and the steps of every drill on it."""

    def __init__(self, scene: Scene, people: int, pace: float) -> None:
        self.scene, self.people, self.began = scene, people, time.monotonic()
        self.run_id = scene.plan(people, pace=pace)
        self.stopped: set[str] = set()

    def send(self, share: float) -> None:
        """Let a worker process send until so much of the run is sent, and end it as a power cut does."""
        worker = self.scene.start_worker()
        self.scene.wait(lambda: self.scene.sent() >= self.people * share)
        worker.kill()
        self.scene.bury()

    def stop_some(self) -> None:
        """Let some who were not written to yet say stop, in a process that keeps the journal as the web's does."""
        sessions = make_sessions(self.scene.engine)
        keep_journal(sessions, load_settings(self.scene.environment).state_path)
        last = (
            select(Address)
            .join(Delivery, Delivery.address_id == Address.id)
            .where(Delivery.run_id == self.run_id, Delivery.send_state == SendState.QUEUED)
            .order_by(Delivery.id.desc())
            .limit(max(1, self.people * STOPS_PERCENT // 100))
        )
        with sessions() as session:
            found = session.scalars(last).all()
        for address in found:
            said = Declaration("keyword", "STOP", clock.now())
            with sessions.begin() as session:
                ledger.withdraw_everywhere(session, HashedHandle.of(address), said)
            sealed: dict[str, Any] = {"table": "address", "column": "ciphertext", "row_id": address.id}
            self.stopped.add(self.scene.vault.open(address.ciphertext, **sealed))

    def watch(self) -> tuple[int, LatchReason | None]:
        """Let a worker work on the restored database; return how many messages left, and why it is latched."""
        before, began = self.scene.sent(), time.monotonic()

        def has_shown() -> bool:
            watched = time.monotonic() - began
            return watched >= WATCHED and (_reason(self.scene) is not None or watched >= PATIENCE)

        self.scene.work(has_shown)
        return self.scene.sent() - before, _reason(self.scene)

    def release(self, journals: Sequence[Path] = ()) -> list[str]:
        """Release the instance as an operator does, and return what the command says."""
        settings = load_settings(self.scene.environment)
        # Whoever died called its last long ago, by the sandbox's clock.
        released = resume_after_restore(
            settings, journals=journals, is_list_needed=True, confirm=lambda: True, settles_after=timedelta()
        )
        return list(released)

    def finish(self, calls: int, latched: LatchReason | None) -> Figures:
        """Send the rest of the run, and count."""
        # Whoever died has called its last.
        self.scene.reap()
        self.scene.work(self._at_rest())
        times = Counter(str(message["to"]) for message in self.scene.sandbox.whole_truth())
        states = self.scene.states()
        return Figures(
            people=self.people,
            latched=latched,
            calls_before_release=calls,
            written_to_twice=sum(1 for count in times.values() if count > 1),
            stops=len(self.stopped),
            stops_broken=len(self.stopped & times.keys()),
            lost=self.people - sum(states[state] for state in SETTLED),
            unknown=states[SendState.UNKNOWN] + states[SendState.UNCONFIRMED],
            seconds=round(time.monotonic() - self.began, 1),
        )

    def _at_rest(self) -> Callable[[], bool]:
        """Return whether all is sent, and nothing is unknown any more, or a member has to decide on what is."""
        until = time.monotonic() + PATIENCE

        def look() -> bool:
            states = self.scene.states()
            is_patient = time.monotonic() < until
            is_open = states[SendState.QUEUED] or states[SendState.SENDING]
            return not is_open and not (states[SendState.UNKNOWN] and is_patient)

        return look


def take_back(
    scene: Scene,
    *,
    people: int,
    pace: float,
    take: Callable[[], None],
    give: Callable[[], None],
    journals: Callable[[], Sequence[Path]] = lambda: (),
) -> Figures:
    """Send a third, `take` a backup, hear stops, send another third, `give` it back, release and finish."""
    drill = Drill(scene, people, pace)
    drill.send(1 / 3)
    take()
    drill.stop_some()
    drill.send(2 / 3)
    scene.engine.dispose()
    kept = journals()
    give()
    calls, latched = drill.watch()
    if latched is not None:
        drill.release(kept)
    return drill.finish(calls, latched)


def be_away(scene: Scene, *, people: int, pace: float) -> Figures:
    """Send a third, let an hour pass without a worker, and go on: nothing has to be released."""
    drill = Drill(scene, people, pace)
    drill.send(1 / 3)
    age(scene)
    return drill.finish(0, _reason(scene))


def join_late(scene: Scene, *, people: int, pace: float) -> Figures:
    """Let a new machine join a cluster that sends; nothing has to be released."""
    drill = Drill(scene, people, pace)
    scene.start_worker()
    scene.wait(lambda: scene.sent() >= people / 3)
    there = scene.environment["FINGERPOST_STATE_FOLDER"]
    scene.environment["FINGERPOST_STATE_FOLDER"] = f"{there}-of-another-machine"
    newcomer = scene.start_worker()
    scene.environment["FINGERPOST_STATE_FOLDER"] = there
    scene.wait(lambda: newcomer.said("this worker may send") > 0)
    scene.wait(lambda: scene.is_over(drill.run_id))
    return drill.finish(0, _reason(scene))


def age(scene: Scene) -> None:
    """Let an hour have passed since the last sign of life."""
    with scene.sessions.begin() as session:
        session.execute(update(Pulse).where(Pulse.seen_at.is_not(None)).values(seen_at=clock.now() - AGE))


def move(scene: Scene, url: str) -> None:
    """Let an instance go on with another database."""
    scene.engine.dispose()
    scene.engine = make_engine(url)
    scene.sessions = make_sessions(scene.engine)
    scene.environment["FINGERPOST_DATABASE_URL"] = url


def _reason(scene: Scene) -> LatchReason | None:
    with scene.sessions() as session:
        return find_latch_reason(session)
