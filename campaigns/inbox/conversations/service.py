"""Members take a conversation, answer it, put it off and close it with these verbs; none commits.

Whoever answers says what they have seen. Of two who answer at once one is told what the other wrote, and of a
person who writes meanwhile both are: nobody is answered twice, and no draft is lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.consent.urgent_contacts import forget_urgent
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import ChangedError, GateError, InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.delivery.refusals import suppress_addresses
from campaigns.directory.models import Service
from campaigns.inbox.conversations.addressees import Addressee, load_addressee
from campaigns.inbox.conversations.left_answers import leave_answer, let_next_wait
from campaigns.inbox.conversations.models import (
    WAITING,
    Answer,
    Conversation,
    ConversationState,
    Draft,
    Outcome,
    Presence,
)
from campaigns.inbox.conversations.offered.helplines import find_named
from campaigns.inbox.conversations.waiting_again import answer_anew, hold_back
from campaigns.inbox.conversations.window import Obstacle, find_obstacle, lives_until
from campaigns.inbox.conversations.word_index import index_text
from campaigns.inbox.media.service import remove_from_closed
from campaigns.inbox.models import WEB, Reply
from campaigns.inbox.queries import find_followed
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.help_numbers import KnownHelp
from campaigns.planning.models import Sender
from campaigns.staff import audit
from campaigns.staff.queries import owned

#: What a provider takes of one message.
MOST_CHARACTERS = {Channel.SMS: 1_600, Channel.WHATSAPP: 1_600, Channel.TELEGRAM: 4_096, WEB: 4_096}
#: What is left of an automatic field that nobody filled in; two brackets alone are a sad smile.
_BLANK = re.compile(r"\(\([^()\n]+\)\)")
#: Longest time for which a conversation may be put off.
LONGEST_SNOOZE = timedelta(days=30)
_DOUBTFUL = N_("The number of %(services)s may not be named now: verify it in the directory first.")
#: Why somebody may not be answered, in a sentence.
OBSTACLES = {
    Obstacle.NO_ADDRESS: Sentence(N_("There is no address any more at which they can be answered.")),
    Obstacle.ON_HOLD: Sentence(N_("They may have opted out. Decide that first; then they can be answered.")),
    Obstacle.OPTED_OUT: Sentence(N_("They opted out and wrote nothing since, so nobody writes to them.")),
    Obstacle.WINDOW_CLOSED: Sentence(
        N_("WhatsApp delivers no answer later than 24 hours after their last message.")
    ),
    Obstacle.NOT_WANTED: Sentence(N_("They want no answer. They may write again by their code.")),
    Obstacle.NO_SENDER: Sentence(N_("None of your senders that are in use writes on their channel.")),
}


class _Row(Protocol):
    """What has an id."""

    id: Any


#: What goes when its person is erased.
Kept = TypeVar("Kept", bound=_Row)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a member had before their eyes: ids of the last message and the last answer, 0 for none."""

    reply_id: int
    answer_id: int


def hold_kept(session: Session, row: Kept) -> Kept:
    """Return what is kept of a person as it is now, locked until the transaction ends.

    Raises TransitionError for what was erased with its person.
    """
    found = session.get(type(row), row.id, with_for_update=True, populate_existing=True)
    if found is None:
        raise TransitionError(N_("The data of this person was erased."))
    return found


def seen_now(session: Session, conversation: Conversation) -> Seen:
    """Return what somebody who opens a conversation now has seen."""
    answer_id = select(func.max(Answer.id)).where(Answer.conversation_id == conversation.id)
    # What reached us last, which need not be what they wrote last.
    reply_id = owned(select(func.max(Reply.id)), Reply, conversation.organisation_id)
    reply_id = reply_id.where(Reply.contact_id == conversation.contact_id)
    return Seen(session.scalar(reply_id) or 0, session.scalar(answer_id) or 0)


def answer(
    session: Session,
    conversation: Conversation,
    words: str,
    *,
    by: int,
    seen: Seen,
    vault: Vault,
    known: KnownHelp,
    numbers_are_meant: bool = False,
    to_alike: bool = False,
) -> Answer:
    """Answer whoever wrote, where they wrote last, and take the conversation.

    With `to_alike` those read it too who reported nearly the same without a name and wait with this one.

    Raises InputError for a text that no provider takes or that has a blank in it, ChangedError when they or
    another member wrote since, RefusedError where they may not be answered now, GateError for a number that may
    not be named, or that nobody here knows and the member did not say is meant.
    """
    addressee = load_addressee(session, conversation, locked=True)
    conversation, now = hold_kept(session, conversation), clock.now()
    body = _checked(words, conversation.channel)
    check_seen(session, conversation, seen)
    way = _reached(addressee, at=now)
    named = _checked_numbers(body, known, at=now, are_meant=numbers_are_meant)
    _hold_services(session, named)
    text = AnswerText(conversation.language or UNKNOWN_LANGUAGE, body, named)
    if way is None:
        written = leave(session, conversation, text, by=by, vault=vault, to_alike=to_alike)
    else:
        until = lives_until(addressee.writer, now=now)
        written = send(session, conversation, way, text, by=by, until=until, vault=vault)
    index_text(session, conversation, body, vault=vault)
    drop_draft(session, conversation, by=by)
    session.flush()
    return written


def send(
    session: Session,
    conversation: Conversation,
    way: tuple[Address, Sender],
    text: AnswerText,
    *,
    by: int,
    until: datetime,
    vault: Vault,
) -> Answer:
    """Send what a member writes, until a moment (UTC): nobody waits in the conversation any more.

    The address, which `way` gives with the sender, and the conversation are locked.
    """
    now = clock.now()
    run = queue_answer(session, *way, text, vault=vault, until=until)
    facts = {"conversation_id": conversation.id, "reply_id": conversation.last_reply_id}
    written = Answer(**facts, run_id=run.id, member_id=by, written_at=now)
    session.add(written)
    answer_anew(conversation)
    _settle(conversation, ConversationState.ANSWERED, by=by, at=now)
    session.flush()
    _record(session, conversation, "answer", by=by, run_id=run.id)
    return written


def leave(
    session: Session,
    conversation: Conversation,
    text: AnswerText,
    *,
    by: int,
    vault: Vault,
    to_alike: bool = False,
) -> Answer:
    """Leave an answer where whoever reported something finds it by their code; nothing is sent.

    The conversation is locked, and nobody waits in it any more.
    """
    now = clock.now()
    written = leave_answer(session, conversation, text, by=by, vault=vault, to_alike=to_alike)
    _settle(conversation, ConversationState.ANSWERED, by=by, at=now)
    session.flush()
    _record(session, conversation, "answer", by=by)
    return written


def take(session: Session, conversation: Conversation, *, by: int) -> None:
    """Let a member have a conversation, whoever had it before."""
    conversation = hold_kept(session, conversation)
    conversation.owner_id = by
    if conversation.state == ConversationState.NEW:
        conversation.state = ConversationState.OPEN
    _record(session, conversation, "take", by=by)


def give_back(session: Session, conversation: Conversation, *, by: int) -> None:
    """Let nobody have a conversation; it waits for whoever takes it, now, though it had been put off."""
    conversation, now = hold_kept(session, conversation), clock.now()
    conversation.owner_id = None
    if conversation.snoozed_until is not None and conversation.snoozed_until > now:
        conversation.snoozed_until, conversation.urgent_since = None, now
    if conversation.state == ConversationState.OPEN:
        conversation.state = ConversationState.NEW
    _record(session, conversation, "give_back", by=by)


def snooze(session: Session, conversation: Conversation, *, by: int, until: datetime) -> None:
    """Put off a conversation that waits, until a moment (UTC) or until the person writes.

    Raises InputError for a moment that is past or too far, TransitionError when nobody waits.
    """
    conversation, now = hold_kept(session, conversation), clock.now()
    if not now < until <= now + LONGEST_SNOOZE:
        raise InputError(N_("Choose a time within the next %(days)s days."), days=LONGEST_SNOOZE.days)
    if conversation.state not in WAITING:
        raise TransitionError(N_("Nobody waits in this conversation."))
    conversation.snoozed_until, conversation.owner_id = until, by
    conversation.state = ConversationState.OPEN
    _record(session, conversation, "snooze", by=by)


def close(session: Session, conversation: Conversation, outcome: Outcome, *, by: int, seen: Seen) -> None:
    """End a conversation with its outcome; a wrong number ends the consent of that number.

    Raises ChangedError when they or another member wrote since, TransitionError when it is closed.
    """
    address = load_addressee(session, conversation, locked=True).address
    conversation = hold_kept(session, conversation)
    if conversation.state == ConversationState.CLOSED:
        raise TransitionError(N_("This conversation is closed."))
    check_seen(session, conversation, seen)
    _close(session, conversation, outcome, by=by)
    remove_from_closed(session, [conversation.contact_id], organisation_id=conversation.organisation_id)
    if outcome is Outcome.WRONG_NUMBER and address is not None:
        _end_consent(session, address)


def close_many(
    session: Session, chosen: Collection[Conversation], outcome: Outcome, *, by: int, seen: Mapping[int, int]
) -> tuple[int, int]:
    """Close conversations with one outcome; return how many, and how many were left.

    What may be urgent, came late or is in what nobody here reads is closed by somebody who has opened it; so is
    what came since they looked: `seen` has the last message that was shown, by the conversation's id. Raises
    InputError for an outcome that is about one person alone.
    """
    if outcome in (Outcome.WRONG_NUMBER, Outcome.GIVEN_HELPLINE, Outcome.HANDED_OVER):
        raise InputError(N_("This outcome is about one person. Open their conversation."))
    closed, left = list[Conversation](), 0
    held = select(Conversation).where(Conversation.id.in_([each.id for each in chosen])).order_by(Conversation.id)
    chosen = session.scalars(held.with_for_update().execution_options(populate_existing=True)).all()
    followed = find_followed(session, (last for each in chosen if (last := each.last_reply_id)))
    for conversation in chosen:
        is_new = (last := conversation.last_reply_id) and (last != seen.get(conversation.id) or last in followed)
        if (conversation.urgency >= Urgency.DAY or is_new) and conversation.state in WAITING:
            left += 1
        elif conversation.state != ConversationState.CLOSED:
            _close(session, conversation, outcome, by=by)
            closed.append(conversation)
    if closed:
        theirs = [each.contact_id for each in closed]
        remove_from_closed(session, theirs, organisation_id=closed[0].organisation_id)
    return len(closed), left


def reopen(session: Session, conversation: Conversation, *, by: int) -> None:
    """Let a closed conversation wait again, for whoever opens it; raise TransitionError for another one."""
    conversation, now = hold_kept(session, conversation), clock.now()
    if conversation.state != ConversationState.CLOSED:
        raise TransitionError(N_("This conversation is not closed."))
    conversation.state, conversation.owner_id = ConversationState.OPEN, by
    conversation.outcome = conversation.closed_at = None
    conversation.waiting_since = conversation.urgent_since = now
    hold_back(session, conversation, at=now)
    _record(session, conversation, "reopen", by=by)


def keep_draft(session: Session, conversation: Conversation, words: str, *, by: int, vault: Vault) -> None:
    """Keep what a member wrote and did not send; it is offered to them until they send something."""
    sealed = vault.seal(words, table="draft", column="sealed_text", row_id=conversation.id)
    draft = session.get(Draft, (conversation.id, by)) or Draft(conversation_id=conversation.id, member_id=by)
    draft.sealed_text, draft.saved_at = sealed, clock.now()
    session.add(draft)
    session.flush()


def drop_draft(session: Session, conversation: Conversation, *, by: int) -> None:
    """Forget what a member wrote and did not send."""
    draft = session.get(Draft, (conversation.id, by))
    if draft is not None:
        session.delete(draft)


def note_presence(session: Session, conversation: Conversation, *, by: int) -> None:
    """Note that a member has a conversation open now."""
    here = {"conversation_id": conversation.id, "member_id": by}
    noting = insert_or(session, Presence).values(**here, seen_at=clock.now())
    session.execute(noting.on_conflict_do_update(index_elements=[*here], set_={"seen_at": clock.now()}))


def _reached(addressee: Addressee, *, at: datetime) -> tuple[Address, Sender] | None:
    """Return where and over what somebody is answered; None: on a page, where they look for it.

    Raises RefusedError where nobody may answer them now.
    """
    obstacle = find_obstacle(addressee.writer, now=at)
    if obstacle is None and addressee.writer.channel is None:
        return None
    if obstacle is not None or addressee.address is None or addressee.sender is None:
        raise RefusedError.telling(OBSTACLES[obstacle or Obstacle.NO_ADDRESS])
    return addressee.address, addressee.sender


def _checked(words: str, channel: str) -> str:
    body = words.strip()
    if not body:
        raise InputError(N_("Write an answer first."))
    if len(body) > MOST_CHARACTERS[channel]:
        raise InputError(
            N_("Write at most %(most)s characters: nobody delivers more."), most=MOST_CHARACTERS[channel]
        )
    if _BLANK.search(body):
        raise InputError(N_("Fill in or remove what stands in double brackets: they would read it so."))
    return body


def _checked_numbers(body: str, known: KnownHelp, *, at: datetime, are_meant: bool) -> Sequence[int]:
    """Return the services that an answer names."""
    named = find_named(body, known, at=at)
    if named.doubtful:
        raise GateError(_DOUBTFUL, services=tuple(named.doubtful))
    if named.unknown and not are_meant:
        raise GateError(
            N_("Nobody verified %(numbers)s. Name a helpline of the directory, or say that you mean this number."),
            numbers=tuple(named.unknown),
        )
    return named.service_ids


def _hold_services(session: Session, service_ids: Sequence[int]) -> None:
    """Keep services as they are until the answer is in the queue: whoever takes one back later finds it there.

    Raises GateError for one that was taken back meanwhile.
    """
    if not service_ids:
        return
    held = select(Service).where(Service.id.in_(service_ids)).order_by(Service.id).with_for_update(read=True)
    found = session.scalars(held.execution_options(populate_existing=True)).all()
    if gone := [each.name for each in found if each.verified_on is None]:
        raise GateError(_DOUBTFUL, services=tuple(gone))


def check_seen(session: Session, conversation: Conversation, seen: Seen) -> None:
    """Raise ChangedError when the person or another member wrote something that was not seen."""
    now = seen_now(session, conversation)
    if now.reply_id != seen.reply_id:
        raise ChangedError(N_("They wrote something new meanwhile. Read it, then send your answer."))
    if now.answer_id != seen.answer_id:
        raise ChangedError(N_("Somebody of the team answered meanwhile. Read it, then send your answer."))


def _settle(conversation: Conversation, state: ConversationState, *, by: int, at: datetime) -> None:
    """Let nobody wait in a conversation any more; how it ended before is not how it stands now."""
    conversation.state, conversation.owner_id, conversation.last_at = state, by, at
    conversation.outcome = conversation.closed_at = None
    conversation.waiting_since = conversation.snoozed_until = None


def _close(session: Session, conversation: Conversation, outcome: Outcome, *, by: int) -> None:
    now = clock.now()
    _settle(conversation, ConversationState.CLOSED, by=by, at=conversation.last_at)
    conversation.outcome, conversation.closed_at = outcome, now
    forget_urgent(session, conversation.contact_id)
    let_next_wait(session, conversation)
    session.flush()
    _record(session, conversation, "close", by=by, outcome=outcome.value)


def _end_consent(session: Session, address: Address) -> None:
    """Write to a number no more: whoever agreed does not have it."""
    said = Declaration("member", "wrong number", clock.now())
    suppress_addresses(session, withdraw_everywhere(session, HashedHandle.of(address), said))


def _record(session: Session, conversation: Conversation, verb: str, *, by: int, **detail: Any) -> None:
    owner = {"organisation_id": conversation.organisation_id, "member_id": by}
    audit.record(session, f"conversation.{verb}", subject=conversation, **owner, **detail)
