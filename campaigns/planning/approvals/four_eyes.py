"""This says who may decide on what others wrote, and holds the row lock under which it is decided."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.core import clock
from campaigns.core.errors import ApprovalError, ForbiddenError, NotFoundError, RefusedError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.planning.models import Campaign, Run
from campaigns.planning.queries import find_editors
from campaigns.staff.permissions import Permission, may_as
from campaigns.staff.queries import get_membership

Row = TypeVar("Row", Campaign, Run)


def hold(session: Session, row: Row) -> Row:
    """Lock the row until the transaction ends and read it anew; others who want it wait.

    SQLite has no row locks: there a writing transaction keeps every other writer out from its first statement.
    """
    session.flush()
    session.refresh(row, with_for_update=True)
    return row


def hold_sources(session: Session, campaign: Campaign) -> None:
    """Keep others from writing the campaign's messages and audience until the transaction ends."""
    # Messages by their ids, so that two approvals never wait for each other crosswise.
    messages = sorted(each for each in (campaign.message_id, campaign.correction_id) if each is not None)
    for model, row_id in (*((Message, each) for each in messages), (Audience, campaign.audience_id)):
        session.get_one(model, row_id, with_for_update={"read": True}, populate_existing=True)


def check_permission(session: Session, member_id: int, *, organisation_id: int, permission: Permission) -> None:
    """Raise ForbiddenError unless the member's roles in the organisation allow it."""
    try:
        is_allowed = may_as(get_membership(session, organisation_id, member_id), permission, now=clock.now())
    except NotFoundError:
        is_allowed = False
    if not is_allowed:
        raise ForbiddenError(N_("Your roles do not allow this. Ask an administrator of your organisation."))


def check_no_example(campaign: Campaign) -> None:
    """Raise RefusedError for the campaign of the example, which nobody ever approves."""
    if campaign.is_example:
        raise RefusedError(N_("The example is rehearsed and never sent. Keep it as your own first."))


def check_no_editor(session: Session, campaign: Campaign, member_id: int) -> None:
    """Raise ApprovalError when the member wrote any part of what would be sent."""
    if member_id in find_editors(session, campaign):
        raise ApprovalError(
            N_(
                "You wrote part of this campaign, its message, audience or places."
                " Another member has to approve it."
            )
        )
