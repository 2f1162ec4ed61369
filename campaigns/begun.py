"""The first page lists what a member began and did not hand on: draft campaigns, and texts that are drafts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.messages.models import Message, ReturnedText, Translation, TranslationState, TranslationWriter
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import owned
from campaigns.web.session import session

pages = Blueprint("begun", __name__)

#: As many stand on the first page, and on the page of all of them.
MOST_ON_NOW, MOST = 5, 200


@dataclass(frozen=True, slots=True)
class Begun:
    """Something that a member began, and where it goes on."""

    title: str
    #: Where it goes on: an endpoint with its values.
    endpoint: str
    values: dict[str, Any]
    #: When it was changed last.
    at: datetime
    #: Languages of a message whose texts are drafts; of a campaign none.
    languages: tuple[str, ...] = ()
    #: A reviewer returned one of these texts.
    is_returned: bool = False


@pages.get("/drafts")
@requires(Permission.EDIT)
def index() -> str:
    """List all that the member began and did not hand on."""
    found = find_begun(session(), current_organisation().id, current_member().id, most=MOST)
    return render_template("begun.html", begun=found)


def find_begun(session: Session, organisation_id: int, member_id: int, *, most: int) -> list[Begun]:
    """Return what a member began and did not hand on, what was changed last first."""
    found = [
        *_find_campaigns(session, organisation_id, member_id, most),
        *_find_messages(session, organisation_id, member_id, most),
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)[:most]


def _find_campaigns(session: Session, organisation_id: int, member_id: int, most: int) -> list[Begun]:
    """Return the campaigns of a member that are drafts; the example is no work of theirs."""
    drafts = (
        owned(select(Campaign.id, Campaign.name, Campaign.updated_at), Campaign, organisation_id)
        .where(Campaign.created_by_id == member_id, Campaign.state == CampaignState.DRAFT, ~Campaign.is_example)
        .order_by(Campaign.updated_at.desc(), Campaign.id.desc())
        .limit(most)
    )
    return [
        Begun(name, "planning.show", {"campaign_id": campaign_id}, at)
        for campaign_id, name, at in session.execute(drafts)
    ]


def _find_messages(session: Session, organisation_id: int, member_id: int, most: int) -> list[Begun]:
    """Return the messages in which texts of a member are drafts, or came back to be changed."""
    own = select(TranslationWriter.translation_id).where(TranslationWriter.member_id == member_id)
    at = func.max(Translation.updated_at)
    lately = (
        owned(select(Message.id, Message.title, at.label("at")), Message, organisation_id)
        .join(Translation, Translation.message_id == Message.id)
        .where(Translation.state == TranslationState.DRAFT, Translation.id.in_(own))
        .group_by(Message.id, Message.title)
        .order_by(at.desc(), Message.id.desc())
        .limit(most)
        .subquery("lately")
    )
    texts = (
        select(lately.c.id, lately.c.title, lately.c.at, Translation.language, ReturnedText.member_id)
        .join(Translation, Translation.message_id == lately.c.id)
        .outerjoin(ReturnedText, ReturnedText.translation_id == Translation.id)
        .where(Translation.state == TranslationState.DRAFT, Translation.id.in_(own))
        .order_by(lately.c.at.desc(), lately.c.id.desc(), Translation.id)
    )
    found: dict[int, list[Any]] = {}
    for row in session.execute(texts):
        found.setdefault(row.id, []).append(row)
    return [_of_texts(rows) for rows in found.values()]


def _of_texts(rows: list[Any]) -> Begun:
    returned = [row.language for row in rows if row.member_id is not None]
    first = (returned or [rows[0].language])[0]
    return Begun(
        title=rows[0].title,
        endpoint="messages.compose",
        values={"message_id": rows[0].id, "language": first},
        at=rows[0].at,
        languages=tuple(row.language for row in rows),
        is_returned=bool(returned),
    )
