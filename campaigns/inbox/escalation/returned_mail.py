"""A mail that comes back later reached nobody: its conversations go on to the next step, and its member is known.

None of these verbs commits.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.core.mail.bounces import bounced_addresses, returned_ids
from campaigns.inbox.duty.models import Cause
from campaigns.inbox.duty.unreachable import note_reached, note_unreachable
from campaigns.inbox.escalation.models import PostState, StepMail
from campaigns.staff import audit
from campaigns.staff.models import Member
from campaigns.staff.queries import find_member

#: So often in a row a server refuses a member's mail until they count as not reachable.
REFUSALS = 3
#: A mail that comes back tells of those of the last time that it may be.
_LATELY = timedelta(days=1)
#: So long after it was written a mail may come back.
_COMES_BACK_WITHIN = timedelta(days=14)
#: More than the tries that any mail has: it is not tried again.
_NO_MORE = 99


def mark_mail(secret_key: str, member_id: int) -> str:
    """Return what a mail to a member is known by when it comes back, and nobody else can make."""
    return _signer(secret_key).dumps(member_id)


def note_report(session: Session, report: bytes, *, secret_key: str) -> int:
    """Note whom a report names, of those whose own mail it returns; return how many.

    Anybody can write a report to us: only one that returns our mark was made of our mail.
    """
    opened = {_open_mark(secret_key, each) for each in returned_ids(report)}
    written_to = {each for each in opened if each is not None}
    return sum(note_bounce(session, each, only=written_to) for each in bounced_addresses(report) if written_to)


def note_bounce(session: Session, email: str, *, only: Collection[int] | None = None) -> bool:
    """Note that mail to an address came back; say whether it is a member's, of these where they are given."""
    member = find_member(session, email.strip())
    if member is None or (only is not None and member.id not in only):
        return False
    note_unreachable(session, member, Cause.BOUNCED)
    theirs = StepMail.member_id == member.id, StepMail.created_at > clock.now() - _LATELY
    lost = update(StepMail).where(*theirs, StepMail.state != PostState.FAILED)
    values = {"state": PostState.FAILED, "attempts": _NO_MORE}
    session.execute(lost.values(values), execution_options=PAST_MEMORY)
    for membership in member.memberships:
        audit.record(session, "member.bounce", subject=member, organisation_id=membership.organisation_id)
    return True


def note_post(session: Session, mail: StepMail) -> None:
    """Note what became of a mail to a member: a server that goes on to refuse their address does not reach them.

    One that takes nothing at all tells nothing of a member.
    """
    if mail.state == PostState.SENT:
        note_reached(session, mail.member_id)
        return
    last = select(StepMail.state, StepMail.attempts).where(StepMail.member_id == mail.member_id)
    refused = 0
    for row in session.execute(last.order_by(StepMail.id.desc()).limit(REFUSALS)):
        if row.state != PostState.REFUSED:
            break
        refused += row.attempts
    if refused >= REFUSALS:
        note_unreachable(session, session.get_one(Member, mail.member_id), Cause.REFUSED)


def _open_mark(secret_key: str, mark: str) -> int | None:
    """Return the member to whom a mail with this mark went; None for one that is forged or too old."""
    try:
        found = _signer(secret_key).loads(mark, max_age=int(_COMES_BACK_WITHIN.total_seconds()))
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="mail to a member")
