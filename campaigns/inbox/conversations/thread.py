"""One conversation as it went: what the person wrote, what was answered, and what campaigns sent them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.inbox.conversations.models import Answer, Conversation, LeftAnswerService, Occasion
from campaigns.inbox.models import Reply
from campaigns.inbox.queries import OpenedReply, open_replies
from campaigns.planning.models import Campaign, Run
from campaigns.staff.queries import load_member_names, owned

#: Entries of each kind that a thread shows, the latest.
MOST_SHOWN = 50
#: Campaigns of so long ago are looked through for what they sent this person.
SENT_WITHIN = timedelta(days=90)
#: Runs that are looked through.
MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class Written:
    """What we wrote to the person: an answer, or a campaign's message."""

    at: datetime
    #: None when it cannot be opened.
    text: str | None
    language: str
    #: None: it was left where they look for it, and nothing was sent.
    send_state: str | None
    receipt_state: str | None
    #: Code of what went wrong, '' for nothing.
    error: str
    #: Who answered; '' for a machine of ours, and for a campaign.
    member: str = ""
    #: Name of the campaign; '' for an answer.
    campaign: str = ""
    #: A machine of ours told places by the list of place names, whose credit stands beside it.
    names_place: bool = False
    #: It was left where they read it, and names a service whose number was found dead since.
    names_dead: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a thread: what they did, or what we wrote."""

    at: datetime
    heard: OpenedReply | None = None
    written: Written | None = None


def load_thread(session: Session, conversation: Conversation, *, vault: Vault, now: datetime) -> list[Entry]:
    """Return the latest entries of a conversation, the oldest of them first."""
    heard = open_replies(session, session.scalars(_select_replies(conversation)).all(), vault=vault)
    written = [*_load_answers(session, conversation, vault), *_load_sent(session, conversation, vault, now)]
    # All that somebody without a name wrote within an hour has the same time: what came first stays first.
    entries = [Entry(each.received_at, heard=each) for each in reversed(heard)]
    entries += [Entry(each.at, written=each) for each in reversed(written)]
    # What somebody without a name adds is dated no earlier, and no later, than the answer before it.
    return sorted(entries, key=lambda entry: (entry.at, entry.heard is not None))


def _select_replies(conversation: Conversation) -> Select[Reply]:
    theirs = owned(select(Reply), Reply, conversation.organisation_id)
    theirs = theirs.where(Reply.contact_id == conversation.contact_id)
    return theirs.order_by(Reply.id.desc()).limit(MOST_SHOWN)


def _load_answers(session: Session, conversation: Conversation, vault: Vault) -> list[Written]:
    columns = select(Answer, Delivery, RunText).outerjoin(Delivery, Delivery.run_id == Answer.run_id)
    answers = columns.outerjoin(RunText, RunText.id == Delivery.text_id)
    is_there = or_(Answer.run_id.is_(None), RunText.id.is_not(None))
    rows = session.execute(
        answers.where(Answer.conversation_id == conversation.id, is_there)
        .order_by(Answer.id.desc())
        .limit(MOST_SHOWN)
    ).all()
    names = load_member_names(session, _members(row.Answer for row in rows))
    dead = _load_dead(session, [row.Answer.id for row in rows if row.Delivery is None])
    return [
        _left(row.Answer, vault, member=names.get(row.Answer.member_id, ""), names_dead=row.Answer.id in dead)
        if row.Delivery is None
        else _written(
            row.Delivery,
            row.RunText,
            vault,
            at=row.Answer.written_at,
            member=names.get(row.Answer.member_id, ""),
            names_place=row.Answer.occasion in (Occasion.MOVED, Occasion.WHICH_PLACE),
        )
        for row in rows
    ]


def _load_dead(session: Session, left_ids: Collection[int]) -> set[int]:
    """Return which of the answers that were left name a number that was found dead since."""
    if not left_ids:
        return set()
    named = select(LeftAnswerService.answer_id).where(LeftAnswerService.answer_id.in_(left_ids))
    return set(session.scalars(named.where(LeftAnswerService.died_at.is_not(None))))


def _left(answer: Answer, vault: Vault, *, member: str, names_dead: bool) -> Written:
    """Return an answer that was left where its reader comes by a code."""
    text = vault.open_or_none(answer.sealed_text, table="answer", column="sealed_text", row_id=answer.id)
    return Written(answer.written_at, text, UNKNOWN_LANGUAGE, None, None, "", member, names_dead=names_dead)


def _members(answers: Any) -> Collection[int]:
    return {answer.member_id for answer in answers if answer.member_id is not None}


def _load_sent(session: Session, conversation: Conversation, vault: Vault, now: datetime) -> list[Written]:
    """Return what campaigns sent the person lately, along (run, contact), which is indexed."""
    lately = owned(select(Run.id, Campaign.name), Run, conversation.organisation_id)
    lately = lately.join(Campaign, Campaign.id == Run.campaign_id)
    lately = lately.where(~Run.is_rehearsal, Run.created_at > now - SENT_WITHIN)
    names = {row.id: row.name for row in session.execute(lately.order_by(Run.id.desc()).limit(MOST_RUNS))}
    found = select(Delivery, RunText).join(RunText, RunText.id == Delivery.text_id)
    found = found.where(Delivery.run_id.in_(names), Delivery.contact_id == conversation.contact_id)
    rows: Sequence[Any] = session.execute(found.order_by(Delivery.id.desc()).limit(MOST_SHOWN)).all()
    return [
        _written(
            row.Delivery,
            row.RunText,
            vault,
            at=row.Delivery.intent_at or row.Delivery.due_at,
            campaign=names[row.Delivery.run_id],
        )
        for row in rows
    ]


def _written(delivery: Delivery, text: RunText, vault: Vault, *, at: datetime, **whose: Any) -> Written:
    return Written(
        at=at,
        text=open_body(text.body, text.sealed_body, text.id, vault),
        language=text.language,
        send_state=delivery.send_state,
        receipt_state=delivery.receipt_state,
        error=delivery.error or delivery.receipt_error or "",
        **whose,
    )
