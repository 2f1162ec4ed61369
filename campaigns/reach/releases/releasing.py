"""A worker counts the people of a release that was asked for, and then makes it, or writes down why not.

The true counts stay in its memory: noise is put on them before anything of them is written (privacy/disclose.py).
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import FingerpostError, InputError, NotFoundError, RefusedError
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.reach.releases.asked_releases import end_asked, record_asked, wanted_by
from campaigns.reach.releases.joint import find_agreed, give_up, plan_joint, publish_when_agreed
from campaigns.reach.releases.models import AskedRelease, JointRequest, Release
from campaigns.reach.releases.privacy.noise import Below
from campaigns.reach.releases.service import check_revision, count_true, make_release, plan_release
from campaigns.staff.models import Member, Membership, Organisation
from campaigns.staff.permissions import Permission, may_as
from campaigns.staff.queries import owned

#: A worker that says nothing of its count for so long is taken for dead; it says so every few seconds.
CLAIMED_FOR, BEAT_SECONDS = timedelta(minutes=2), 20.0
#: Seconds between two looks, beside a count, whether this worker is to stop.
LOOK_SECONDS = 0.5
#: What nobody made for so long is not made any more: whoever asked has gone on to something else.
GIVEN_UP_AFTER = timedelta(minutes=15)
#: A fault of ours is met so often before it is told.
TRIES = 3
#: What a member is told instead of seeing the release made.
REFUSALS = (InputError, NotFoundError, RefusedError)
#: A database that cannot be used now is asked again later, until what was asked is too old.
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Releasing:
    """How a worker makes what was asked for."""

    sessions: sessionmaker[Session]
    is_stopping: Callable[[], bool]
    below: Below = secrets.randbelow

    def release(self) -> int:
        """Make whatever waits for its count, one after another, and return how many were made or refused."""
        ended, began = 0, clock.now()
        while not self.is_stopping() and (asked := self._claim()) is not None:
            try:
                self._count_and_make(asked, began)
            except REFUSALS as error:
                self._refuse(asked, error)
            except _AWAY:
                if not self.is_stopping():
                    raise
                self._write_due(asked, clock.now())
                break
            ended += 1
        return ended

    def _claim(self) -> AskedRelease | None:
        """Take what was asked first and nobody works on."""
        now = clock.now()
        with one_moment(self.sessions) as session:
            if session.scalar(_select_due(now)) is None:
                return None
        with self.sessions.begin() as session:
            asked = session.scalar(_select_due(now).with_for_update(skip_locked=True))
            if asked is not None:
                asked.began_at, asked.due_at = now, now + CLAIMED_FOR
        return asked

    def _count_and_make(self, asked: AskedRelease, began: datetime) -> None:
        """Make it; a fault of ours is logged and tried again, and told in the end. Raises RefusedError.

        What was asked in time before this worker `began` was not forgotten while others were counted before it.
        """
        if began - asked.asked_at > GIVEN_UP_AFTER:
            raise RefusedError(N_("Nobody counted its people in time. Ask again."))
        for _ in range(TRIES):
            try:
                self._make(asked, self._count(asked))
            except (*REFUSALS, *_AWAY):
                raise
            except Exception:
                _log.exception("publication %s that was asked for cannot be made", asked.id)
            else:
                return
        raise RefusedError(N_("A fault of this system prevented it. Tell whoever runs it, then ask again."))

    def _count(self, asked: AskedRelease) -> Counter[str]:
        """Count in a transaction that only reads: nobody waits for it to end."""
        with one_moment(self.sessions) as session, self._holding(asked, session):
            if asked.joint_id is not None:
                return count_true(session, plan_joint(session, session.get_one(JointRequest, asked.joint_id)))
            ours = session.get_one(Organisation, asked.organisation_id)
            planned = plan_release(session, ours, wanted_by(session, asked))
            check_revision(planned, asked.reason)
            return count_true(session, planned)

    @contextmanager
    def _holding(self, asked: AskedRelease, session: Session) -> Iterator[None]:
        """Keep a claim beside its count, which is one long statement, and break that off when told to stop."""
        driver, ended = session.connection().connection.driver_connection, threading.Event()

        def hold() -> None:
            said = time.monotonic()
            while not ended.wait(min(LOOK_SECONDS, BEAT_SECONDS)):
                if self.is_stopping():
                    _break_off(driver)
                elif time.monotonic() - said >= BEAT_SECONDS:
                    said = time.monotonic()
                    self._renew(asked)

        holder = threading.Thread(target=hold, name="holding a publication", daemon=True)
        holder.start()
        try:
            yield
        finally:
            ended.set()
            holder.join()

    def _renew(self, asked: AskedRelease) -> None:
        try:
            self._write_due(asked, clock.now() + CLAIMED_FOR)
        except SQLAlchemyError as error:
            OUTAGES.tell(error, "holding a publication")

    def _write_due(self, asked: AskedRelease, due_at: datetime) -> None:
        """Say when another worker may take it, unless it is another's already, or over."""
        mine = AskedRelease.id == asked.id, AskedRelease.began_at == asked.began_at
        with self.sessions.begin() as session:
            waits = (*mine, AskedRelease.due_at.is_not(None))
            session.execute(update(AskedRelease).where(*waits).values(due_at=due_at))

    def _make(self, asked: AskedRelease, true: Counter[str]) -> None:
        with self.sessions.begin() as session:
            row = _hold_mine(session, asked)
            if row is not None:
                release = self._release_of(session, row, true)
                row.due_at, row.ended_at, row.release_id = None, clock.now(), release.id if release else None

    def _release_of(self, session: Session, asked: AskedRelease, true: Counter[str]) -> Release | None:
        by, below = asked.member_id, self.below
        if asked.joint_id is not None:
            request = session.get_one(JointRequest, asked.joint_id)
            _check_asker(session, request.organisation_id, request.asked_by_id)
            agreed = find_agreed(session, request, by)
            if agreed is not None and not _may_release(session, agreed.organisation_id, by):
                raise RefusedError(N_("Whoever agreed to this publication last may not publish any more."))
            return publish_when_agreed(session, request, by=by, below=below, true=true)
        _check_asker(session, asked.organisation_id, by)
        ours = session.get_one(Organisation, asked.organisation_id)
        wanted = wanted_by(session, asked)
        return make_release(session, ours, wanted, reason=asked.reason, by=by, below=below, true=true)

    def _refuse(self, asked: AskedRelease, error: FingerpostError) -> None:
        with self.sessions.begin() as session:
            row = _hold_mine(session, asked)
            if row is not None:
                end_asked(row, Sentence.of(error))
                record_asked(session, "release.refuse", row)
                if row.joint_id is not None:
                    give_up(session, session.get_one(JointRequest, row.joint_id))


def _may_release(session: Session, organisation_id: int, member_id: int) -> bool:
    """Say whether a member is still one, and may still publish."""
    theirs = owned(select(Membership), Membership, organisation_id).join(Member)
    membership = session.scalar(theirs.where(Member.id == member_id, Member.active))
    return membership is not None and may_as(membership, Permission.HANDLE_CONTACTS, now=clock.now())


def _check_asker(session: Session, organisation_id: int, member_id: int) -> None:
    if not _may_release(session, organisation_id, member_id):
        raise RefusedError(N_("Whoever asked for this publication may not publish any more."))


def _hold_mine(session: Session, asked: AskedRelease) -> AskedRelease | None:
    """Lock what was taken; None: another took it over, or a member took it back.

    A joint request comes first, as where a member takes it back: so neither waits for the other.
    """
    if asked.joint_id is not None:
        session.execute(select(JointRequest.id).where(JointRequest.id == asked.joint_id).with_for_update())
    mine = select(AskedRelease).where(AskedRelease.id == asked.id, AskedRelease.began_at == asked.began_at)
    return session.scalar(mine.where(AskedRelease.due_at.is_not(None)).with_for_update())


def _break_off(driver: Any) -> None:
    """End the statement that a connection works on, from another thread; each driver has its own word for it."""
    (driver.interrupt if hasattr(driver, "interrupt") else driver.cancel)()


def _select_due(now: datetime) -> Select[AskedRelease]:
    due = select(AskedRelease).where(AskedRelease.due_at <= now)
    return due.order_by(AskedRelease.asked_at, AskedRelease.id).limit(1)
