"""A worker counts the people of an act that a member asked for, and then does it, or writes down why not.

It is done in one transaction with the removal of what was asked: whoever dies before it ends has done nothing, and
another worker begins anew. Nothing is decided on other people than those who were counted, nor on an old figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import (
    ApprovalError,
    ChangedError,
    FingerpostError,
    InputError,
    NotFoundError,
    RefusedError,
)
from campaigns.core.sentences import Sentence
from campaigns.core.settings import Settings
from campaigns.core.words import N_, Template
from campaigns.planning import service
from campaigns.planning.acts.asked_acts import CHANGED_MEANWHILE, GIVEN_UP_AFTER, check_may_act
from campaigns.planning.acts.models import Act, AskedAct
from campaigns.planning.estimates.counted_people import CountedPeople, count_people
from campaigns.planning.gates.assessment import load_sent_content
from campaigns.planning.models import Campaign, Run
from campaigns.planning.policy import Policy
from campaigns.planning.senders.connections import find_faults, find_unconnected
from campaigns.staff.recurring import Event, note

#: Contacts of one part.
PART = 50_000
#: A worker that says nothing of its count for so long is taken for dead.
CLAIMED_FOR = timedelta(minutes=2)
#: A figure older than this, and than twice the time of its count, is counted anew, and so is one of others than
#: are meant by now; so often in all.
OLD_AFTER, TIMES = timedelta(minutes=2), 3
_CHANGED = N_("Whom it means or what it sends over changed at each count. Ask again.")
_LATE = N_("It took too long: after each count the figure was too old to decide on. Ask again.")
#: What a member is told instead of seeing the act done.
REFUSALS = (InputError, NotFoundError, RefusedError)


@dataclass(frozen=True, slots=True)
class Acting:
    """How a worker does what was asked."""

    sessions: sessionmaker[Session]
    settings: Settings
    #: Says after a part that took these seconds whether to go on. It does not rest: a member waits.
    may_go_on: Callable[[float], bool]
    part: int = PART

    def act(self) -> int:
        """Do whatever waits for a count, one after another, and return how many were done or refused."""
        ended, began = 0, clock.now()
        while (asked := self._claim()) is not None:
            try:
                if not self._count_and_do(asked, began):
                    break
            except REFUSALS as error:
                self._refuse(asked, error)
            ended += 1
        return ended

    def _claim(self) -> AskedAct | None:
        """Take what was asked first and nobody works on."""
        now = clock.now()
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            if session.scalar(_select_due(now)) is None:
                return None
        with self.sessions.begin() as session:
            asked = session.scalar(_select_due(now).with_for_update(skip_locked=True))
            if asked is not None:
                asked.began_at, asked.due_at, asked.done, asked.whole = now, now + CLAIMED_FOR, 0, 0
        return asked

    def _count_and_do(self, asked: AskedAct, began: datetime) -> bool:
        """Count, then act; False: this worker stops, and another goes on.

        What was asked in time before this worker `began` was not forgotten while others were counted before it.
        """
        if began - asked.asked_at > GIVEN_UP_AFTER:
            raise RefusedError(N_("Nobody counted its people in time. Ask again."))
        why_not = None
        for _ in range(TIMES):
            at = clock.now()
            counted = self._count(asked, at)
            if counted is None:
                self._write(asked, due_at=clock.now())
                return False
            why_not = self._do(asked, counted, at, old_after=max(OLD_AFTER, 2 * (clock.now() - at)))
            if why_not is None:
                return True
        raise RefusedError(why_not or _CHANGED)

    def _count(self, asked: AskedAct, at: datetime) -> CountedPeople | None:
        with one_moment(self.sessions) as session:
            campaign = session.get_one(Campaign, asked.campaign_id)
            _check_unchanged(session, asked, campaign, Policy.of(self.settings))
            began = time.monotonic()

            def go_on(number: int, parts: int) -> bool:
                """Write down how far the count is, and say after a part whether to go on."""
                nonlocal began
                if parts > 1:
                    self._write(asked, done=number, whole=parts, due_at=clock.now() + CLAIMED_FOR)
                may = number == 0 or self.may_go_on(time.monotonic() - began)
                began = time.monotonic()
                return may

            return count_people(session, campaign, now=at, part=self.part, go_on=go_on)

    def _do(
        self, asked: AskedAct, counted: CountedPeople, at: datetime, *, old_after: timedelta
    ) -> Template | None:
        """Do it on who was counted, or return why they have to be counted anew. Raises RefusedError."""
        policy = Policy.of(self.settings)
        with self.sessions.begin() as session:
            campaign = session.get_one(Campaign, asked.campaign_id)
            run = session.get_one(Run, asked.run_id) if asked.run_id is not None else None
            check_may_act(session, asked.act, campaign, by=asked.member_id, run=run)
            mine = select(AskedAct).where(AskedAct.id == asked.id, AskedAct.began_at == asked.began_at)
            row = session.scalar(mine.with_for_update())
            if row is None:
                # Another took it over.
                return None
            _check_unchanged(session, asked, campaign, policy)
            now = clock.now()
            if now - at > old_after:
                return _LATE
            if not counted.is_of(session, campaign, now=now):
                return _CHANGED
            # What the member said last holds: they may have asked again since it was claimed.
            self._act_on(session, row, campaign, run, counted, policy)
            session.delete(row)
        return None

    def _act_on(
        self,
        session: Session,
        asked: AskedAct,
        campaign: Campaign,
        run: Run | None,
        counted: CountedPeople,
        policy: Policy,
    ) -> None:
        by = asked.member_id
        if run is not None:
            faults = partial(find_faults, self.settings)
            service.let_run_start(session, run, by=by, policy=policy, find_faults=faults, counted=counted)
            return
        unconnected = find_unconnected(session, self.settings, campaign.organisation_id)
        if asked.act == Act.APPROVE:
            service.approve_campaign(
                session,
                campaign,
                by=by,
                digest=asked.digest,
                as_urgent=asked.as_urgent,
                policy=policy,
                unconnected=unconnected,
                counted=counted,
            )
        else:
            service.submit_campaign(
                session, campaign, by=by, policy=policy, unconnected=unconnected, counted=counted
            )

    def _refuse(self, asked: AskedAct, error: FingerpostError) -> None:
        """Write down why it was not done; who may not agree to it is noted, as when nobody has to be counted."""
        self._write(asked, due_at=None, done=0, whole=0, refusal=Sentence.of(error), ended_at=clock.now())
        if isinstance(error, ApprovalError):
            with self.sessions.begin() as session:
                campaign = session.get_one(Campaign, asked.campaign_id)
                of = campaign.organisation_id
                event = Event("approval.refuse", "campaign", campaign.id, of, asked.member_id, str(asked.act))
                note(session, event, now=clock.now())

    def _write(self, asked: AskedAct, **values: object) -> None:
        """Write to what was taken, unless another took it over meanwhile."""
        mine = AskedAct.id == asked.id, AskedAct.began_at == asked.began_at
        with self.sessions.begin() as session:
            session.execute(update(AskedAct).where(*mine).values(**values))


def _check_unchanged(session: Session, asked: AskedAct, campaign: Campaign, policy: Policy) -> None:
    """Raise ChangedError when something else would be sent by now than what the member had read."""
    if load_sent_content(session, campaign, policy).digest != asked.digest:
        raise ChangedError(CHANGED_MEANWHILE)


def _select_due(now: datetime) -> Select[AskedAct]:
    return select(AskedAct).where(AskedAct.due_at <= now).order_by(AskedAct.asked_at, AskedAct.id).limit(1)
