"""The first page lists what a member began and did not hand on: draft campaigns, and texts that are drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy import ColumnElement, Select, false, func, select, true, union_all
from sqlalchemy.orm import Session

from campaigns.messages.models import Message, ReturnedText, Translation, TranslationState, TranslationWriter
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import owned
from campaigns.web.number_fields import whole_number
from campaigns.web.pagination import paginate
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
    begun = _select_begun(current_organisation().id, member_id)
    page = paginate(session(), begun, request.args.get("page", 1, type=whole_number), per_page=PER_PAGE)
    return render_template("begun.html", begun=_begun_of(session(), page.rows, member_id), page=page)


def find_begun(session: Session, organisation_id: int, member_id: int, *, most: int) -> list[Begun]:
    """Return what a member began and did not hand on, what was changed last first."""
    rows = session.execute(_select_begun(organisation_id, member_id).limit(most)).all()
    return _begun_of(session, rows, member_id)


def _select_begun(organisation_id: int, member_id: int) -> Select[*tuple[Any, ...]]:
    """Select whether it is a message, id, title and last change of what a member began, changed last first."""
    campaign = (
        false().label("is_message"),
        Campaign.id,
        Campaign.name.label("title"),
        Campaign.updated_at.label("at"),
    )
    # The example is no work of theirs.
    mine = (Campaign.created_by_id == member_id, Campaign.state == CampaignState.DRAFT, ~Campaign.is_example)
    campaigns = owned(select(*campaign), Campaign, organisation_id).where(*mine)
    message = (true(), Message.id, Message.title, func.max(Translation.updated_at))
    messages = (
        owned(select(*message), Message, organisation_id)
        .join(Translation, Translation.message_id == Message.id)
        .where(*_own_drafts(member_id))
        .group_by(Message.id, Message.title)
    )
    both = union_all(campaigns, messages).subquery("begun")
    return select(both).order_by(both.c.at.desc(), both.c.is_message, both.c.id.desc())


def _own_drafts(member_id: int) -> tuple[ColumnElement[bool], ...]:
    """Match the texts of a member that are drafts, or came back to be changed."""
    own = select(TranslationWriter.translation_id).where(TranslationWriter.member_id == member_id)
    return Translation.state == TranslationState.DRAFT, Translation.id.in_(own)


def _begun_of(session: Session, rows: Sequence[Any], member_id: int) -> list[Begun]:
    """Return what rows are of, each message with the member's texts in it."""
    texts = (
        select(Translation.message_id, Translation.language, ReturnedText.member_id)
        .outerjoin(ReturnedText, ReturnedText.translation_id == Translation.id)
        .where(Translation.message_id.in_([row.id for row in rows if row.is_message]), *_own_drafts(member_id))
        .order_by(Translation.id)
    )
    found: dict[int, list[Any]] = {}
    for text in session.execute(texts):
        found.setdefault(text.message_id, []).append(text)
    return [
        _of_texts(row, found[row.id])
        if row.is_message
        else Begun(row.title, "planning.show", {"campaign_id": row.id}, row.at)
        for row in rows
    ]


def _of_texts(row: Any, texts: list[Any]) -> Begun:
    returned = [text.language for text in texts if text.member_id is not None]
    first = (returned or [texts[0].language])[0]
    return Begun(
        title=row.title,
        endpoint="messages.compose",
        values={"message_id": row.id, "language": first},
        at=row.at,
        languages=tuple(text.language for text in texts),
        is_returned=bool(returned),
    )
