"""A member answers those who asked, each in their language, and names the helpline that fits them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.demo import scenario
from campaigns.demo.stage import Cast
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.automatic.suggested_texts import TITLES, add_suggested
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.addressees import load_addressee, load_need
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState
from campaigns.inbox.conversations.offered.helplines import find_offers
from campaigns.inbox.conversations.window import find_obstacle
from campaigns.messages.queries import load_help
from campaigns.messages.service import review_translation
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: Longest that the questions take to come in, and the answers to go out, in seconds.
PATIENCE = 30.0
_LOOK_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of those who asked."""

    people: int
    given_a_helpline: int
    #: Answers that the provider has.
    accepted: int


def answer_those_who_asked(
    sessions: sessionmaker[Session], settings: Settings, cast: Cast, *, expected: int
) -> Answered:
    """Answer as many as `expected`, once they have asked, and wait until the answers have left."""
    deadline = time.monotonic() + PATIENCE
    while _count_waiting(sessions, cast) < expected and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    with sessions.begin() as session:
        waiting = [each for each in session.scalars(_waiting(cast)) if may_be_answered(session, each)]
        named = [_answer(session, settings, cast, conversation) for conversation in waiting]
    while (accepted := _count_accepted(sessions)) < len(named) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    return Answered(len(named), sum(named), accepted)


def choose_automatic(session: Session, cast: Cast) -> int:
    """Let the suggested texts be reviewed and chosen, and return how many answer by themselves from then on."""
    messages = add_suggested(session, cast.organisation_id, by=cast.author_id)
    for message in messages:
        for translation in message.translations:
            review_translation(session, translation, by=cast.approver_id)
    by_title = {message.title: message.id for message in messages}
    chosen = {occasion: by_title[title] for occasion, title in TITLES.items()}
    choose(session, session.get_one(Organisation, cast.organisation_id), chosen, by=cast.approver_id)
    return len(chosen)


def count_automatic(session: Session) -> int:
    """Count what was answered by itself."""
    return session.scalar(select(func.count(Answer.id)).where(Answer.member_id.is_(None))) or 0


def may_be_answered(session: Session, conversation: Conversation) -> bool:
    """Say whether somebody can be answered: what was sent to them by itself may have found their number dead."""
    return find_obstacle(load_addressee(session, conversation).writer, now=clock.now()) is None


def _answer(session: Session, settings: Settings, cast: Cast, conversation: Conversation) -> bool:
    """Answer one of them, and say whether a helpline was named."""
    known = load_help(session, cast.organisation_id, fresh_days=settings.service_max_age_days)
    row = scenario.member_answers()[conversation.language or scenario.BASE_LANGUAGE]
    address = load_addressee(session, conversation).address
    offers = find_offers(known, load_need(session, conversation, address, now=clock.now()))
    names_helpline = bool(row["text"] and offers)
    words = (
        f"{row['text']}\n{offers[0].words(row['language'])}" if names_helpline else row["text_without_helpline"]
    )
    service.answer(
        session,
        conversation,
        words,
        by=cast.author_id,
        seen=service.seen_now(session, conversation),
        vault=settings.vault(),
        known=known,
    )
    return names_helpline


def _waiting(cast: Cast) -> Select[Conversation]:
    waiting = owned(select(Conversation), Conversation, cast.organisation_id)
    return waiting.where(Conversation.state == ConversationState.NEW).order_by(Conversation.id)


def _count_waiting(sessions: sessionmaker[Session], cast: Cast) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(_waiting(cast).subquery())) or 0


def _count_accepted(sessions: sessionmaker[Session]) -> int:
    answers = select(func.count(Answer.id)).join(Delivery, Delivery.run_id == Answer.run_id)
    ours = answers.where(Delivery.send_state == SendState.ACCEPTED, Answer.member_id.is_not(None))
    with sessions() as session:
        return session.scalar(ours) or 0
