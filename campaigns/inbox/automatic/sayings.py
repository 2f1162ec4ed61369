"""What is said by itself is filled in with what helps one person, and queued as an answer of no member."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

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

#: What is said by itself is of no use later.
LIVES = timedelta(hours=1)


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
    """Say the organisation's text for an occasion; say whether there is one and they may be written to now.

    The addressee was locked before the conversation was, as by whoever answers. To whoever wrote without a name
    nothing is sent: they come back by their code.
    """
    now = clock.now()
    if find_obstacle(addressee.writer, now=now) is not None:
        return False
    need = load_need(session, conversation, addressee.address, now=now)
    saying = find_saying(session, conversation, occasion, need, {}, policy=policy)
    if saying is None:
        return False
    text = AnswerText(saying.language, saying.body, saying.service_ids)
    return queue_saying(session, conversation, addressee, text, occasion, reply_id=reply_id, vault=vault)


def queue_saying(
    session: Session,
    conversation: Conversation,
    addressee: Addressee,
    text: AnswerText,
    occasion: Occasion,
    *,
    reply_id: int | None,
    vault: Vault,
) -> bool:
    """Queue what is said; say whether they have an address, and somebody to write to them."""
    address, sender, now = addressee.address, addressee.sender, clock.now()
    if address is None or sender is None:
        return False
    until = min(now + LIVES, lives_until(addressee.writer, now=now))
    run = queue_answer(session, address, sender, text, vault=vault, until=until)
    facts = {"conversation_id": conversation.id, "run_id": run.id, "reply_id": reply_id}
    session.add(Answer(**facts, member_id=None, occasion=occasion, written_at=now))
    conversation.last_at = now
    index_text(session, conversation, text.body, vault=vault)
    session.flush()
    return True
