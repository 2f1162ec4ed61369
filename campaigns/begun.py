"""The first page lists what a member began and did not hand on: draft campaigns, and texts that are drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import ColumnElement, Integer, Subquery, func, literal_column, select, union_all
from sqlalchemy.orm import Session

from campaigns.messages.models import Message, ReturnedText, Translation, TranslationState, TranslationWriter
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import owned
from campaigns.web.ordered_pages import asked_rows
from campaigns.web.session import session

pages = Blueprint("begun", __name__)

#: As many stand on the first page, and on each page of all of them.
MOST_ON_NOW, PER_PAGE = 5, 50


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
    member_id = current_member().id
    begun = _all_begun(current_organisation().id, member_id)
    page = asked_rows(
        session(), select(begun), _order_of(begun), words="begun", is_falling=True, per_page=PER_PAGE
    )
    return render_template("begun.html", begun=_begun_of(session(), page.rows, member_id), page=page)


def find_begun(session: Session, organisation_id: int, member_id: int, *, most: int) -> list[Begun]:
    """Return what a member began and did not hand on, what was changed last first."""
    begun = _all_begun(organisation_id, member_id)
    latest = select(begun).order_by(*(column.desc() for column in _order_of(begun)))
    rows = session.execute(latest.limit(most)).all()
    return _begun_of(session, rows, member_id)


def _order_of(begun: Subquery) -> list[ColumnElement[Any]]:
    return [begun.c.at, begun.c.is_campaign, begun.c.id]


def _all_begun(organisation_id: int, member_id: int) -> Subquery:
    """Return whether it is a campaign (1 or 0), id, title and last change of all that a member began."""
    campaign = (
        literal_column("1", Integer).label("is_campaign"),
        Campaign.id,
        Campaign.name.label("title"),
        Campaign.updated_at.label("at"),
    )
    # The example is no work of theirs.
    mine = (Campaign.created_by_id == member_id, Campaign.state == CampaignState.DRAFT, ~Campaign.is_example)
    campaigns = owned(select(*campaign), Campaign, organisation_id).where(*mine)
    message = (literal_column("0", Integer), Message.id, Message.title, func.max(Translation.updated_at))
    messages = (
        owned(select(*message), Message, organisation_id)
        .join(Translation, Translation.message_id == Message.id)
        .where(*_own_drafts(member_id))
        .group_by(Message.id, Message.title)
    )
    return union_all(campaigns, messages).subquery("begun")


def _own_drafts(member_id: int) -> tuple[ColumnElement[bool], ...]:
    """Match the texts of a member that are drafts, or came back to be changed."""
    own = select(TranslationWriter.translation_id).where(TranslationWriter.member_id == member_id)
    return Translation.state == TranslationState.DRAFT, Translation.id.in_(own)


def _begun_of(session: Session, rows: Sequence[tuple[Any, ...]], member_id: int) -> list[Begun]:
    """Return what rows are of, each message with the member's texts in it."""
    message_ids = [begun_id for is_campaign, begun_id, *_ in rows if not is_campaign]
    texts = (
        select(Translation.message_id, Translation.language, ReturnedText.member_id)
        .outerjoin(ReturnedText, ReturnedText.translation_id == Translation.id)
        .where(Translation.message_id.in_(message_ids), *_own_drafts(member_id))
        .order_by(Translation.id)
    )
    found: dict[int, list[Any]] = {}
    for text in session.execute(texts):
        found.setdefault(text.message_id, []).append(text)
    return [
        Begun(title, "planning.show", {"campaign_id": begun_id}, at)
        if is_campaign
        else _of_texts(title, at, found[begun_id])
        for is_campaign, begun_id, title, at in rows
    ]


def _of_texts(title: str, at: datetime, texts: list[Any]) -> Begun:
    returned = [text.language for text in texts if text.member_id is not None]
    first = (returned or [texts[0].language])[0]
    return Begun(
        title=title,
        endpoint="messages.compose",
        values={"message_id": texts[0].message_id, "language": first},
        at=at,
        languages=tuple(text.language for text in texts),
        is_returned=bool(returned),
    )
