"""Whoever asked days ago, and was answered by nobody, is told once that they are not forgotten.

Nobody asked for it just now, so it goes by day only, and never where somebody else may read it: to whoever shares
a phone, or ever told of danger; nor after a stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import REFUSALS, Address, Channel, Consent, Contact
from campaigns.audience.walk import FREE_TEXT
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic.models import AutomaticText
from campaigns.inbox.automatic.sayings import TEXTED, first_awake, say_by_itself
from campaigns.inbox.conversations.addressees import load_addressee
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationTag, Occasion
from campaigns.inbox.conversations.wait import began
from campaigns.inbox.duty.targets import STEPS, Step
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import HEADINGS
from campaigns.planning.policy import Policy
from campaigns.staff.models import Organisation

#: When the lead is told once more, the person is told as well.
AFTER = dict(STEPS[Urgency.QUESTION])[Step.LEAD_AGAIN].clock or timedelta()
#: People who are told at one look; the others are at the next.
MOST_AT_ONCE = 50
#: People who are looked at for it, since some cannot be told.
MOST_TRIED = 500
#: Headings of whoever may be watched.
_DANGERS = [heading for heading in HEADINGS if heading.startswith("urgent_")]
_URGENCIES = (Urgency.QUESTION.value, Urgency.REPORT.value)


@dataclass(slots=True)
class StillWaiting:
    """Tells whoever has waited for so long, each in a transaction of its own."""

    sessions: sessionmaker[Session]
    policy: Policy
    vault: Vault
    #: Conversation that was looked at last: the next look goes on behind it, so that nobody is held up by those
    #: who cannot be told.
    last_id: int = 0

    def look(self) -> int:
        """Tell the next who are due and return how many were told; once all were looked at, begin anew."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            due = _find_due(session, self.policy, clock.now(), after=self.last_id)
        told = 0
        for conversation_id in due:
            if told >= MOST_AT_ONCE:
                return told
            self.last_id = conversation_id
            with self.sessions.begin() as session:
                told += tell(session, conversation_id, policy=self.policy, vault=self.vault)
        if len(due) < MOST_TRIED:
            self.last_id = 0
        return told


def tell(session: Session, conversation_id: int, *, policy: Policy, vault: Vault) -> bool:
    """Tell one person that nobody has an answer yet; say whether they still wait and may be told."""
    now, found = clock.now(), session.get(Conversation, conversation_id)
    if found is None:
        return False
    # Addresses before conversations, as whoever answers has it: a stop or an answer comes before this, or after.
    addressee = load_addressee(session, found, locked=True)
    conversation = session.get(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    waits = session.scalar(_select_waiting(now).where(Conversation.id == conversation_id)) is not None
    if conversation is None or not waits:
        return False
    return say_by_itself(
        session, conversation, addressee, Occasion.STILL_WAITING, reply_id=None, policy=policy, vault=vault
    )


def _find_due(session: Session, policy: Policy, now: datetime, *, after: int) -> list[int]:
    """Return the first who are to be told and may be woken now, by their clock and the country of their number."""
    columns = Conversation.id, Contact.time_zone, Address.country, Organisation.time_zone.label("usual")
    found = _select_waiting(now).where(Conversation.id > after).with_only_columns(*columns)
    found = found.join(Organisation, Organisation.id == Conversation.organisation_id)
    # Closed before its last row: who comes behind waits for another look.
    with session.execute(found.order_by(Conversation.id).execution_options(yield_per=MOST_TRIED)) as rows:
        awake = (
            row.id
            for row in rows
            if not policy.keeps_quiet or first_awake(now, row.time_zone, row.country, usual=row.usual) == now
        )
        return list(islice(awake, MOST_TRIED))


def _select_waiting(now: datetime) -> Select[Any]:
    """Select whoever has waited for so long, was not told, and may be written to without having asked."""
    chosen = (AutomaticText.organisation_id == Conversation.organisation_id) & (
        AutomaticText.occasion == Occasion.STILL_WAITING
    )
    theirs = (Address.contact_id == Conversation.contact_id) & (Address.channel == Conversation.channel)
    may_reply = or_(Address.channel != Channel.WHATSAPP, Address.heard_at > now - FREE_TEXT)
    told = exists().where(
        Answer.conversation_id == Conversation.id,
        Answer.occasion == Occasion.STILL_WAITING,
        Answer.written_at >= began(),
    )
    in_danger = exists().where(
        ConversationTag.conversation_id == Conversation.id, ConversationTag.tag.in_(_DANGERS)
    )
    refused = exists().where(
        Consent.contact_id == Conversation.contact_id,
        Consent.kind.in_(REFUSALS),
        Consent.given_at >= Conversation.waiting_since,
    )
    found = select(Conversation.id).join(AutomaticText, chosen).join(Address, theirs)
    return found.join(Contact, Contact.id == Conversation.contact_id).where(
        Conversation.urgency.in_(_URGENCIES),
        Conversation.waiting_since <= now - AFTER,
        began() <= now - AFTER,
        Address.state.in_(TEXTED),
        ~Address.is_shared,
        may_reply,
        ~told,
        ~in_danger,
        ~refused,
    )
