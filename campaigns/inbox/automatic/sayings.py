"""What is said by itself is filled in with what helps one person, and queued as an answer of no member."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.directory.signposting.choice import Need
from campaigns.inbox.automatic.chosen_texts import Saying, find_chosen, say
from campaigns.inbox.automatic.off_duty import only_open
from campaigns.inbox.conversations.addressees import Addressee, load_need
from campaigns.inbox.conversations.models import Answer, Conversation, Occasion
from campaigns.inbox.conversations.window import find_obstacle, lives_until
from campaigns.inbox.conversations.word_index import index_text
from campaigns.messages.queries import load_help
from campaigns.messages.text.bidi_numbers import number_in_text
from campaigns.messages.text.placeholders import EMERGENCY
from campaigns.planning.policy import Policy
from campaigns.planning.schedules.quiet_hours import first_allowed
from campaigns.staff.models import Organisation

#: What is said by itself is of no use later.
LIVES = timedelta(hours=1)
#: States of an address to which something may be said by itself: after a stop a member alone answers.
TEXTED = (AddressState.ACTIVE, AddressState.PENDING)


def find_saying(
    session: Session,
    conversation: Conversation,
    occasion: Occasion,
    need: Need,
    given: Mapping[str, str],
    *,
    policy: Policy,
) -> Saying | None:
    """Return what the organisation says to one person on an occasion; None where nothing is said."""
    message = find_chosen(session, conversation.organisation_id, occasion)
    if message is None:
        return None
    known = load_help(session, conversation.organisation_id, fresh_days=policy.service_max_age_days)
    if occasion is Occasion.OFF_DUTY:
        known = only_open(known, need)
    emergency = known.emergency.get(need.country or "", "")
    number = {EMERGENCY: number_in_text(emergency, need.language)} if emergency else {}
    return say(message, need, known, given={**given, **number})


def say_by_itself(
    session: Session,
    conversation: Conversation,
    addressee: Addressee,
    occasion: Occasion,
    *,
    reply_id: int | None,
    policy: Policy,
    vault: Vault,
) -> bool:
    """Say the organisation's text for an occasion; say whether there is one and they may be written to.

    Nobody asked for it just now: it wakes nobody at night, and nobody gets it after a stop.

    The addressee was locked before the conversation was, as by whoever answers. To whoever wrote without a name
    nothing is sent: they come back by their code.
    """
    now, address = clock.now(), addressee.address
    if address is None or address.state not in TEXTED or find_obstacle(addressee.writer, now=now) is not None:
        return False
    need = load_need(session, conversation, addressee.address, now=now)
    saying = find_saying(session, conversation, occasion, need, {}, policy=policy)
    if saying is None:
        return False
    text = AnswerText(saying.language, saying.body, saying.service_ids)
    due_at = _first_allowed(session, conversation, address, policy)
    return queue_saying(
        session, conversation, addressee, text, occasion, reply_id=reply_id, vault=vault, due_at=due_at
    )


def queue_saying(
    session: Session,
    conversation: Conversation,
    addressee: Addressee,
    text: AnswerText,
    occasion: Occasion,
    *,
    reply_id: int | None,
    vault: Vault,
    due_at: datetime | None = None,
) -> bool:
    """Queue what is said, from a moment on (None: now); say whether they can still be written to then."""
    address, sender, now = addressee.address, addressee.sender, clock.now()
    if address is None or sender is None:
        return False
    begins = due_at or now
    until = min(begins + LIVES, lives_until(addressee.writer, now=begins))
    if until <= begins:
        return False
    run = queue_answer(session, address, sender, text, vault=vault, until=until, due_at=due_at)
    facts = {"conversation_id": conversation.id, "run_id": run.id, "reply_id": reply_id}
    session.add(Answer(**facts, member_id=None, occasion=occasion, written_at=now))
    conversation.last_at = now
    index_text(session, conversation, text.body, vault=vault)
    session.flush()
    return True


def _first_allowed(session: Session, conversation: Conversation, address: Address, policy: Policy) -> datetime:
    """Return the first moment at which they may be woken, by their clock and the country of their number."""
    now = clock.now()
    if not policy.keeps_quiet:
        return now
    theirs = session.scalar(select(Contact.time_zone).where(Contact.id == conversation.contact_id))
    usual = session.get_one(Organisation, conversation.organisation_id).time_zone
    return first_awake(now, theirs, address.country, usual=usual)


def first_awake(now: datetime, zone: str | None, country: str | None, *, usual: str) -> datetime:
    """Return the first moment at which somebody may be woken; without a known zone the `usual` one counts."""
    return first_allowed(now, zone or usual, country or "", is_zone_known=zone is not None)
