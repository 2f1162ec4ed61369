"""Reads on conversations: the queue in its order, who waits in which language, and one conversation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.audience.models import Channel, Contact
from campaigns.core.errors import NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import MediaKind
from campaigns.inbox.conversations.left_answers import count_alike
from campaigns.inbox.conversations.models import (
    Conversation,
    ConversationState,
    ConversationTag,
    Presence,
)
from campaigns.inbox.conversations.wait import is_overdue, waits
from campaigns.inbox.conversations.word_index import hashes_of, with_words
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.media.queries import load_kinds
from campaigns.inbox.models import Reply
from campaigns.inbox.queries import open_text
from campaigns.inbox.urgency.levels import Urgency
from campaigns.places.models import Place, PlaceKind, Region
from campaigns.staff.models import Member, Membership
from campaigns.staff.queries import NOT_THERE, get_owned, load_member_names, owned

#: Conversations of one page.
PER_PAGE = 25
#: Letters of the last message that the queue shows.
EXCERPT = 160
#: More than so many are told as "more than".
MOST_COUNTED = 1_000


class Shelf(StrEnum):
    """Where conversations are looked for."""

    WAITING = "waiting"
    MINE = "mine"
    SNOOZED = "snoozed"
    ANSWERED = "answered"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations a member looks for."""

    shelf: Shelf = Shelf.WAITING
    #: Those of these languages, those in which danger is heard, and those whose language nobody knows; empty: all.
    languages: tuple[str, ...] = ()
    #: BCP 47 code of what they write; '' for any.
    language: str = ""
    #: Since when they wait, or when anything was written last: from a moment on and before another one (UTC).
    since: datetime | None = None
    before: datetime | None = None
    channel: Channel | None = None
    tag: str = ""
    #: A region's code (ISO 3166), where the person said they were.
    region: str = ""
    owner_id: int | None = None
    #: Whether a team has it, as whoever knows of teams says.
    is_of_team: ColumnElement[bool] | None = None
    #: Hashes of words that were written.
    words: tuple[int, ...] = ()
    #: Only those that should have been answered by now, by this roster.
    overdue_by: Roster | None = None
    #: Contacts who have the number that is looked for, of whom there may be none.
    contact_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A conversation as the queue shows it."""

    conversation: Conversation
    #: The beginning of what was written last; None when it cannot be opened.
    excerpt: str | None
    region: Region | None
    owner: str
    tags: Sequence[str]
    #: What came with it, or instead of words.
    kinds: Sequence[MediaKind] = ()
    #: Reports without a name that say nearly the same, and are not shown beside it.
    alike: int = 0


def _of_team(found: Select[Any], organisation_id: int) -> Select[Any]:
    """Leave the conversations of an organisation that its team may see: no complaint about it."""
    return owned(found, Conversation, organisation_id).where(~Conversation.is_complaint)


def select_queue(organisation_id: int, wanted: Wanted, *, by: int, now: datetime) -> Select[Any]:
    """Select an organisation's conversations: who waits, the most urgent first, else the latest first."""
    found = _of_team(select(Conversation), organisation_id)
    found = found.where(*_on_shelf(wanted.shelf, by, now), *_as_they_stand(wanted))
    if wanted.tag:
        tagged = select(ConversationTag.conversation_id).where(ConversationTag.tag == wanted.tag)
        found = found.where(Conversation.id.in_(tagged))
    if wanted.region:
        there = select(Contact.id).join(Region).where(Region.code == wanted.region)
        found = found.where(Conversation.contact_id.in_(owned(there, Contact, organisation_id)))
    if wanted.words:
        found = with_words(found, organisation_id, wanted.words)
    if wanted.overdue_by is not None:
        found = found.where(is_overdue(wanted.overdue_by, now=now))
    if wanted.is_of_team is not None:
        found = found.where(wanted.is_of_team)
    if wanted.contact_ids is not None:
        found = found.where(Conversation.contact_id.in_(wanted.contact_ids))
    return found.order_by(*(key.desc() if is_latest_first(wanted.shelf) else key for key in keys_of(wanted.shelf)))


def _as_they_stand(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Match conversations by what stands in their own rows."""
    mine = Conversation.language.in_(wanted.languages)
    unread = or_(mine, Conversation.language.is_(None), Conversation.urgency == Urgency.DANGER.value)
    asked: list[tuple[object, ColumnElement[bool]]] = [
        (wanted.languages, unread),
        (wanted.language, Conversation.language == wanted.language),
        (wanted.channel, Conversation.channel == wanted.channel),
        (wanted.owner_id, Conversation.owner_id == wanted.owner_id),
    ]
    return [*_in_time(wanted), *(condition for value, condition in asked if value)]


def _in_time(wanted: Wanted) -> list[ColumnElement[bool]]:
    shown = Conversation.waiting_since if wanted.shelf in (Shelf.WAITING, Shelf.MINE) else Conversation.last_at
    since = [] if wanted.since is None else [shown >= wanted.since]
    return since if wanted.before is None else [*since, shown < wanted.before]


def keys_of(shelf: Shelf) -> list[InstrumentedAttribute[Any]]:
    """Return by what the conversations of a shelf are ordered; none of it is missing in any of them."""
    if shelf in (Shelf.WAITING, Shelf.MINE):
        # The most urgent is the least in the database.
        return [Conversation.urgency, Conversation.waiting_since, Conversation.id]
    return [Conversation.snoozed_until if shelf is Shelf.SNOOZED else Conversation.last_at, Conversation.id]


def is_latest_first(shelf: Shelf) -> bool:
    """Say whether a shelf begins with what was written last; the others begin with who is to be answered first."""
    return shelf in (Shelf.ANSWERED, Shelf.CLOSED, Shelf.ALL)


def _on_shelf(shelf: Shelf, by: int, now: datetime) -> list[ColumnElement[bool]]:
    is_snoozed = Conversation.snoozed_until > now
    is_back = or_(Conversation.snoozed_until.is_(None), Conversation.snoozed_until <= now)
    waits = [Conversation.waiting_since.is_not(None), is_back]
    return {
        Shelf.WAITING: waits,
        Shelf.MINE: [*waits, Conversation.owner_id == by],
        Shelf.SNOOZED: [is_snoozed],
        Shelf.ANSWERED: [Conversation.state == ConversationState.ANSWERED],
        Shelf.CLOSED: [Conversation.state == ConversationState.CLOSED],
        Shelf.ALL: [],
    }[shelf]


def load_rows(session: Session, conversations: Sequence[Conversation], *, vault: Vault) -> list[QueueRow]:
    """Return what the queue shows of conversations, in their order."""
    contacts = select(Contact.id, Region).outerjoin(Region, Region.id == Contact.region_id)
    rows = session.execute(contacts.where(Contact.id.in_([each.contact_id for each in conversations])))
    regions = {row.id: row.Region for row in rows}
    last = select(Reply).where(Reply.id.in_([each.last_reply_id for each in conversations]))
    texts = {reply.id: open_text(reply, vault) for reply in session.scalars(last)}
    names = load_member_names(session, [each.owner_id for each in conversations if each.owner_id is not None])
    tagged = select(ConversationTag).where(
        ConversationTag.conversation_id.in_([each.id for each in conversations])
    )
    tags: dict[int, list[str]] = {}
    for row in session.scalars(tagged.order_by(ConversationTag.tag)):
        tags.setdefault(row.conversation_id, []).append(row.tag)
    kinds, alike = load_kinds(session, list(texts)), count_alike(session, conversations)
    return [
        QueueRow(
            each,
            _excerpt(texts.get(each.last_reply_id or 0)),
            regions.get(each.contact_id),
            names.get(each.owner_id or 0, ""),
            tags.get(each.id, ()),
            kinds.get(each.last_reply_id or 0, ()),
            alike.get(each.id, 0),
        )
        for each in conversations
    ]


def count_waiting(session: Session, organisation_id: int, *, now: datetime) -> int:
    """Count who waits, up to one more than MOST_COUNTED."""
    waiting = _of_team(select(Conversation.id), organisation_id)
    waiting = waiting.where(*_on_shelf(Shelf.WAITING, 0, now)).limit(MOST_COUNTED + 1)
    return session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def count_overdue(session: Session, organisation_id: int, roster: Roster, *, now: datetime) -> int:
    """Count who should have been answered by now, up to one more than MOST_COUNTED."""
    overdue = _of_team(select(Conversation.id), organisation_id).where(is_overdue(roster, now=now))
    return session.scalar(select(func.count()).select_from(overdue.limit(MOST_COUNTED + 1).subquery())) or 0


def find_unread_languages(session: Session, organisation_id: int, *, now: datetime) -> list[str]:
    """Return the languages in which somebody waits and that no active responder of the organisation has named.

    Nothing where nobody has named any: then nobody knows.
    """
    spoken = read_by_the_team(session, organisation_id)
    if not spoken:
        return []
    waiting = _of_team(select(Conversation.language), organisation_id)
    waiting = waiting.where(*_on_shelf(Shelf.WAITING, 0, now), Conversation.language.is_not(None))
    return sorted({code for code in session.scalars(waiting.distinct()) if code and code not in spoken})


def read_by_the_team(session: Session, organisation_id: int) -> set[str]:
    """Return the languages that active members of an organisation who answer have named."""
    members = owned(select(Membership.roles, Member.languages), Membership, organisation_id)
    rows = session.execute(members.join(Member).where(Member.active))
    return {code for row in rows if "responder" in row.roles for code in row.languages}


def words_in(text: str, *, vault: Vault) -> tuple[int, ...]:
    """Return the hashes of the words that are looked for."""
    return tuple(hashes_of(text, vault))


def find_others(session: Session, conversation: Conversation, *, by: int, since: datetime) -> list[str]:
    """Return the names of the other members who have a conversation open, as they showed since a moment (UTC)."""
    there = select(Member.name).join(Presence, Presence.member_id == Member.id)
    there = there.where(Presence.conversation_id == conversation.id, Presence.member_id != by)
    return list(session.scalars(there.where(Presence.seen_at > since).order_by(Member.name)))


def load_regions(session: Session, organisation_id: int, code: str, rows: Sequence[QueueRow]) -> list[Region]:
    """Return the regions that can be chosen: those of the organisation's places, of `rows`, and the chosen one."""
    places = owned(select(Place.region_id), Place, organisation_id).where(Place.kind != PlaceKind.CORRIDOR)
    seen = [row.region.id for row in rows if row.region is not None]
    offered = or_(Region.id.in_(places), Region.id.in_(seen), Region.code == code)
    return list(session.scalars(select(Region).where(offered).order_by(Region.country, Region.name)))


def load_owners(session: Session, organisation_id: int) -> dict[int, str]:
    """Return the names of the active members of an organisation who answer, by their ids."""
    members = owned(select(Member.id, Member.name, Membership.roles), Membership, organisation_id)
    rows = session.execute(members.join(Member).where(Member.active).order_by(Member.name))
    return {row.id: row.name for row in rows if "responder" in row.roles}


def _excerpt(text: str | None) -> str | None:
    if text is None:
        return None
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"


def load_chosen(session: Session, organisation_id: int, ids: Collection[int]) -> Sequence[Conversation]:
    """Return those conversations of an organisation that were chosen; others' and complaints are passed over."""
    return session.scalars(_of_team(select(Conversation).where(Conversation.id.in_(ids)), organisation_id)).all()


def get_conversation(session: Session, conversation_id: int, organisation_id: int) -> Conversation:
    """Return a conversation that the team may see. Raises NotFoundError for any other, and for a complaint."""
    found = get_owned(session, Conversation, conversation_id, organisation_id)
    if found.is_complaint:
        raise NotFoundError(NOT_THERE)
    return found


def is_seen_by_team(organisation_id: int) -> ColumnElement[bool]:
    """Match replies to an organisation that are no part of a complaint about it."""
    complaining = owned(select(Conversation.contact_id), Conversation, organisation_id)
    complaining = complaining.where(Conversation.is_complaint)
    return or_(Reply.contact_id.is_(None), Reply.contact_id.not_in(complaining))


def count_urgent_complaints(session: Session, organisation_id: int, *, now: datetime) -> int:
    """Count the complaints of people who may be in danger and wait: others than the team answer them."""
    waiting = owned(select(func.count(Conversation.id)), Conversation, organisation_id)
    waiting = waiting.where(Conversation.is_complaint, *waits(Urgency.DANGER, now=now))
    return session.scalar(waiting) or 0


def region_of(session: Session, conversation: Conversation) -> Region | None:
    """Return where the person said they are, None where nobody knows."""
    here = select(Region).join(Contact, Contact.region_id == Region.id)
    return session.scalar(here.where(Contact.id == conversation.contact_id))
