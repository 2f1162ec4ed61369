"""A worker counts the people of a release that was asked for, and then makes it, or writes down why not.

The true counts stay in its memory: noise is put on them before anything of them is written (privacy/disclose.py).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import FingerpostError, InputError, NotFoundError, RefusedError
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.reach.releases.asked_releases import wanted_by
from campaigns.reach.releases.joint import give_up, plan_joint, publish_when_agreed
from campaigns.reach.releases.models import AskedRelease, JointRequest, Release
from campaigns.reach.releases.privacy.noise import Below
from campaigns.reach.releases.service import check_revision, count_true, make_release, plan_release
from campaigns.staff.models import Member, Membership, Organisation
from campaigns.staff.permissions import Permission, may_as
from campaigns.staff.queries import owned

#: A worker that has not ended its count after so long is taken for dead.
CLAIMED_FOR = timedelta(minutes=10)
#: What a member is told instead of seeing the release made.
REFUSALS = (InputError, NotFoundError, RefusedError)


@dataclass(frozen=True, slots=True)
class Releasing:
    """How a worker makes what was asked for."""

    sessions: sessionmaker[Session]
    is_stopping: Callable[[], bool]
    below: Below = secrets.randbelow

    def release(self) -> int:
        """Make whatever waits for its count, one after another, and return how many were made or refused."""
        ended = 0
        while not self.is_stopping() and (asked := self._claim()) is not None:
            try:
                self._make(asked, self._count(asked))
            except REFUSALS as error:
                self._refuse(asked, error)
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

    def _count(self, asked: AskedRelease) -> Counter[str]:
        """Count in a transaction that only reads: nobody waits for it to end."""
        with one_moment(self.sessions) as session:
            if asked.joint_id is not None:
                return count_true(session, plan_joint(session, session.get_one(JointRequest, asked.joint_id)))
            ours = session.get_one(Organisation, asked.organisation_id)
            planned = plan_release(session, ours, wanted_by(session, asked))
            check_revision(planned, asked.reason)
            return count_true(session, planned)

    def _make(self, asked: AskedRelease, true: Counter[str]) -> None:
        with self.sessions.begin() as session:
            row = session.scalar(_mine(asked).with_for_update())
            if row is None:
                # Another took it over.
                return
            release = self._release_of(session, row, true)
            row.due_at, row.ended_at, row.release_id = None, clock.now(), release.id if release else None

    def _release_of(self, session: Session, asked: AskedRelease, true: Counter[str]) -> Release | None:
        by, below = asked.member_id, self.below
        if asked.joint_id is not None:
            request = session.get_one(JointRequest, asked.joint_id)
            return publish_when_agreed(session, request, by=by, below=below, true=true)
        _check_may_release(session, asked)
        ours = session.get_one(Organisation, asked.organisation_id)
        wanted = wanted_by(session, asked)
        return make_release(session, ours, wanted, reason=asked.reason, by=by, below=below, true=true)

    def _refuse(self, asked: AskedRelease, error: FingerpostError) -> None:
        with self.sessions.begin() as session:
            row = session.scalar(_mine(asked).with_for_update())
            if row is None:
                return
            row.due_at, row.ended_at, row.refusal = None, clock.now(), Sentence.of(error)
            if row.joint_id is not None:
                give_up(session, session.get_one(JointRequest, row.joint_id))


def _check_may_release(session: Session, asked: AskedRelease) -> None:
    """Raise RefusedError when whoever asked is no member any more, or has lost the right to publish."""
    theirs = owned(select(Membership), Membership, asked.organisation_id).join(Member)
    membership = session.scalar(theirs.where(Member.id == asked.member_id, Member.active))
    if membership is None or not may_as(membership, Permission.HANDLE_CONTACTS, now=clock.now()):
        raise RefusedError(N_("Whoever asked for this publication may not publish any more."))


def _mine(asked: AskedRelease) -> Select[AskedRelease]:
    return select(AskedRelease).where(AskedRelease.id == asked.id, AskedRelease.began_at == asked.began_at)


def _select_due(now: datetime) -> Select[AskedRelease]:
    due = select(AskedRelease).where(AskedRelease.due_at <= now)
    return due.order_by(AskedRelease.asked_at, AskedRelease.id).limit(1)
