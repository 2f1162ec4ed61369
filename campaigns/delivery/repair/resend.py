"""A member sends unconfirmed deliveries again, and takes the risk that people get them twice.

Never to who said stop, and never with a number that could not be sent anew: they are counted and left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, insert, literal, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.errors import ChangedError, InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.delivery.fanout.outdated_texts import find_outdated
from campaigns.delivery.fanout.send_times import extend_quiet
from campaigns.delivery.models import LONGEST_REASON, Attempt, Delivery, RunText
from campaigns.delivery.queries import RESENT, in_state
from campaigns.delivery.states import SendState
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.lifecycle import SENDING
from campaigns.planning.models import Run
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.runs.runs_of_withdrawn import let_go_on
from campaigns.staff import audit
from campaigns.staff.notes import note_reason

#: More unconfirmed deliveries than this are counted by a worker only, with all else of their run.
FEW = 5_000
#: Of so many as were confirmed, some are left where there are more by now: they grow while calls are given up.
MANY = 1_000

_MORE = N_("There are more of them by now than were shown, so none was sent. Look at the new number first.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Unconfirmed deliveries of a run that a member chose to send again."""

    #: None: all there are.
    ids: Collection[int] | None = None
    #: Code of the lost answer, '' where there is none; None: whatever it is.
    code: str | None = None
    #: Language of the text, country of the number ('': not known) and channel; None: whatever they are.
    language: str | None = None
    country: str | None = None
    channel: str | None = None
    #: No more of them may be sent than the member was shown; None: however many there are.
    most: int | None = None

    @property
    def is_group(self) -> bool:
        """Whether they are chosen by anything that they have in common."""
        return any(each is not None for each in (self.code, self.language, self.country, self.channel))

    def among(self, run_id: int) -> ColumnElement[bool]:
        """Return the condition that finds them."""
        found = (Delivery.run_id == run_id) & in_state(SendState.UNCONFIRMED)
        if self.ids is not None:
            found &= Delivery.id.in_(self.ids)
        if self.code is not None:
            found &= Delivery.error == self.code if self.code else Delivery.error.is_(None)
        if self.language is not None:
            of_language = RunText.run_id == run_id, RunText.language == self.language
            found &= Delivery.text_id.in_(select(RunText.id).where(*of_language))
        if self.country is not None:
            of_country = Address.id == Delivery.address_id, func.coalesce(Address.country, "") == self.country
            found &= select(Address.id).where(*of_country).correlate(Delivery).exists()
        if self.channel is not None:
            found &= Delivery.channel == self.channel
        return found


@dataclass(frozen=True, slots=True)
class Groups:
    """The unconfirmed deliveries of a run, by each thing that they may be chosen by."""

    by_code: Mapping[str, int]
    by_language: Mapping[str, int]
    by_country: Mapping[str, int]
    by_channel: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What sending the chosen ones again would do, in deliveries."""

    sent: int = 0
    #: Left as they are, because their people said stop or their address is gone.
    stopped: int = 0
    #: Left as they are, because the service in their text might not be named so now: not verified, a new number.
    outdated: int = 0

    @property
    def total(self) -> int:
        """All that were chosen."""
        return self.sent + self.stopped + self.outdated


@dataclass(frozen=True, slots=True)
class Group:
    """Unconfirmed deliveries of one cause, language, country and channel, and what would become of them."""

    code: str
    language: str
    country: str
    channel: str
    prospect: Prospect

    def is_among(self, chosen: Chosen) -> bool:
        """Say whether a member chose it."""
        own = (self.code, self.language, self.country, self.channel)
        asked = (chosen.code, chosen.language, chosen.country, chosen.channel)
        return all(wanted in (None, each) for wanted, each in zip(asked, own, strict=True))

    def to_json(self) -> list[Any]:
        """Write it as JSON."""
        counts = (self.prospect.sent, self.prospect.stopped, self.prospect.outdated)
        return [self.code, self.language, self.country, self.channel, *counts]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Group:
        """Read what `to_json` wrote."""
        code, language, country, channel, *counts = stored
        return cls(code, language, country, channel, Prospect(*counts))


def has_few(session: Session, run_id: int) -> bool:
    """Say whether a run has so few unconfirmed deliveries that they are counted while a member waits."""
    some = select(Delivery.id).where(Chosen().among(run_id)).limit(FEW + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def count_groups(session: Session, run: Run, *, policy: Policy = USUAL) -> list[Group]:
    """Count the unconfirmed deliveries of a run by all that they are chosen by, in one pass over them."""
    columns = _traits()
    counted = (
        select(*columns, *_sums(session, run, policy))
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .where(Chosen().among(run.id))
        .group_by(*columns)
    )
    return [Group.from_json(list(row)) for row in session.execute(counted)]


def add_up(groups: Collection[Group]) -> Groups:
    """Return groups that were counted by each of their traits; pure."""
    counts: tuple[Counter[str], ...] = tuple(Counter() for _ in range(4))
    for group in groups:
        for counted, name in zip(counts, group.to_json(), strict=False):
            counted[name] += group.prospect.total
    return Groups(*counts)


def prospect_among(groups: Collection[Group], chosen: Chosen) -> Prospect:
    """Return what becomes of those that a member chose of groups that were counted; pure."""
    found = [group.prospect for group in groups if group.is_among(chosen)]
    return Prospect(
        sum(each.sent for each in found), sum(each.stopped for each in found), sum(each.outdated for each in found)
    )


def count_resendable(session: Session, run: Run, chosen: Chosen, *, policy: Policy = USUAL) -> Prospect:
    """Return how many of the chosen would be sent again, and why not the others."""
    sums = _sums(session, run, policy)
    counts: list[Any] = list(session.execute(select(*sums).where(chosen.among(run.id))).one())
    return Prospect(*counts)


def resend(
    session: Session,
    run: Run,
    chosen: Chosen,
    *,
    by: int,
    reason: str,
    vault: Vault,
    policy: Policy = USUAL,
) -> int:
    """Queue unconfirmed deliveries of a run again, with its texts as they are; return how many were queued.

    The reason is kept sealed. Raises InputError without one, TransitionError for a run that may not send,
    RefusedError when none of them can be sent again, ChangedError when there are more by now than may be sent.
    """
    words = _checked(reason)
    run = session.get_one(Run, run.id, with_for_update=True, populate_existing=True)
    if run.state not in SENDING:
        raise TransitionError(N_("Nothing is sent in this run now. Resume it first, then send again."))
    outdated = find_outdated(session, run, policy=policy)
    which = chosen.among(run.id) & _may_still_get() & Delivery.text_id.not_in(outdated)
    count = _queue_at_most(session, run, which, chosen.most)
    if not count:
        raise RefusedError(
            N_(
                "None of them can be sent again: their outcome is known by now, the people opted out,"
                " or the number in their text is not verified now."
            )
        )
    run.reason = None
    let_go_on(session, run)
    facts = {"organisation_id": run.organisation_id, "member_id": by, "deliveries": count}
    entry = audit.record(session, "delivery.resend", subject=run, **facts)
    note_reason(session, entry, words, vault=vault)
    return count


def _traits() -> tuple[Any, ...]:
    return (
        func.coalesce(Delivery.error, ""),
        func.coalesce(RunText.language, ""),
        func.coalesce(Address.country, ""),
        Delivery.channel,
    )


def _sums(session: Session, run: Run, policy: Policy) -> list[ColumnElement[int]]:
    """Return the columns that a Prospect is made of."""
    is_welcome = _may_still_get()
    is_right = Delivery.text_id.not_in(find_outdated(session, run, policy=policy))
    kinds = (is_welcome & is_right, ~is_welcome, is_welcome & ~is_right)
    return [func.coalesce(func.sum(case((kind, 1), else_=0)), 0) for kind in kinds]


def _checked(reason: str) -> str:
    words = reason.strip()
    if not words or len(words) > LONGEST_REASON:
        raise InputError(N_("Say in at most %(limit)s characters why they are sent again."), limit=LONGEST_REASON)
    return words


def _may_still_get() -> ColumnElement[bool]:
    """Match deliveries whose address may be written to; a stop on any channel opts out each of the person's."""
    active = select(Address.id).where(Address.id == Delivery.address_id, Address.state == AddressState.ACTIVE)
    # Whoever counts by country has joined the addresses, too.
    return active.correlate(Delivery).exists()


def _queue_at_most(session: Session, run: Run, which: ColumnElement[bool], most: int | None) -> int:
    """Queue them, of many those with the lowest ids.

    Raises ChangedError where they are more than were confirmed: then nothing may be committed.
    """
    if most is None:
        return _queue_again(session, run, which)
    some = select(Delivery.id).where(which).order_by(Delivery.id).limit(most + 1).subquery()
    found, last_id = session.execute(select(func.count(), func.max(some.c.id))).one()
    if found > most and most < MANY:
        raise ChangedError(_MORE)
    if found > most:
        which &= Delivery.id < last_id
    count = _queue_again(session, run, which)
    # Others may have become unconfirmed since that look.
    if count > most:
        raise ChangedError(_MORE)
    return count


def _queue_again(session: Session, run: Run, which: ColumnElement[bool]) -> int:
    now = clock.now()
    frozen = FrozenRun.from_json(run.frozen)
    # Locked while they are noted, so that a receipt that comes now settles none between the two statements.
    noted = (
        select(Delivery.id, Delivery.attempts, literal(now, Attempt.at.type), literal(RESENT))
        .where(which)
        .with_for_update(of=Delivery)
    )
    session.execute(insert(Attempt).from_select(["delivery_id", "number", "at", "outcome"], noted))
    expires_at = now + timedelta(minutes=frozen.expires_after_minutes)
    extend_quiet(session, run, frozen, since=now, until=expires_at)
    result: Any = session.execute(
        update(Delivery)
        .where(which)
        .values(
            send_state=SendState.QUEUED,
            due_at=now,
            expires_at=expires_at,
            token=None,
            attempts=0,
        )
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)
