"""Members whom no mail reaches: somebody else is told in their place, and the roster says so.

None of these verbs commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.inbox.duty.models import Cause, Unreachable
from campaigns.staff import audit
from campaigns.staff.models import Member

#: After so long an address is tried again that the server refused; one that gave mail back, once somebody says so.
TRIED_AGAIN_AFTER = timedelta(days=1)


def note_unreachable(session: Session, member: Member, cause: Cause) -> None:
    """Write down that mail does not reach a member where they are now."""
    facts = {"email": member.email, "cause": cause, "since": clock.now()}
    adding = insert_or(session, Unreachable).values(member_id=member.id, **facts)
    session.execute(adding.on_conflict_do_update(index_elements=[Unreachable.member_id], set_=facts))


def note_reached(session: Session, member_id: int) -> None:
    """Forget that the server refused a member's mail: it has taken one."""
    refused = Unreachable.member_id == member_id, Unreachable.cause == Cause.REFUSED
    session.execute(delete(Unreachable).where(*refused))


def try_again(session: Session, organisation_id: int, member: Member, *, by: int) -> None:
    """Let a member be told by mail again."""
    session.execute(delete(Unreachable).where(Unreachable.member_id == member.id))
    facts = {"organisation_id": organisation_id, "member_id": by}
    audit.record(session, "member.mail_again", subject=member, **facts)


def load_unreachable(session: Session, member_ids: Collection[int], *, now: datetime) -> Mapping[int, Unreachable]:
    """Return which of these members mail does not reach at a moment (UTC), by their ids."""
    if not member_ids:
        return {}
    found = select(Unreachable).join(Member, Member.id == Unreachable.member_id)
    lasts = or_(Unreachable.cause == Cause.BOUNCED, Unreachable.since > now - TRIED_AGAIN_AFTER)
    rows = session.scalars(found.where(Member.id.in_(member_ids), Member.email == Unreachable.email, lasts))
    return {row.member_id: row for row in rows}
