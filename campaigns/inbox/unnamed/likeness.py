"""Near-equal reports are one row of the queue; of a flood those come last in which no word list finds anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation, ConversationWord, UnnamedReport
from campaigns.inbox.conversations.word_index import hashes_of
from campaigns.inbox.urgency.judging import Judged
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.inbox.urgency.wordless import Sign
from campaigns.staff.sign_in.attempt_limits import Limit, pour_over

#: Two texts are near-equal when so much of the words of both is in both.
NEAR = 0.8
#: Reports that wait with which a new one is compared: those that may be alike, and the latest.
_MOST_COMPARED = 20
#: More than so many reports in so long are a flood.
FLOOD, FLOOD_WITHIN = 20, timedelta(minutes=10)
#: What a report shows without a word of any list.
_WORDLESS = frozenset({Sign.UNLISTED_LANGUAGE, Sign.NO_WORDS})


def likeness_of(text: str, vault: Vault) -> tuple[int, frozenset[int]]:
    """Return what near-equal texts nearly always have in common, and the keyed hashes of all words."""
    words = frozenset(hashes_of(text, vault))
    return min(words, default=vault.word_hash(text)), words


def hold_same(
    session: Session, organisation_id: int, country: str, likeness: int, words: Collection[int]
) -> Conversation | None:
    """Return the conversation of a report that waits and says nearly the same of the same country, locked.

    None for what is of a day or of danger: that stands by itself.
    """
    waiting = select(Conversation).join(UnnamedReport, UnnamedReport.conversation_id == Conversation.id)
    waiting = waiting.where(
        Conversation.organisation_id == organisation_id,
        *_may_be_joined(),
        ~Conversation.is_complaint,
        UnnamedReport.same_as_id.is_(None),
        UnnamedReport.country == country,
    )
    latest = waiting.order_by(Conversation.id.desc()).limit(_MOST_COMPARED)
    alike = session.scalars(latest.where(UnnamedReport.likeness == likeness)).all()
    found = {each.id: each for each in (*alike, *session.scalars(latest))}
    rows = select(ConversationWord.conversation_id, ConversationWord.word)
    theirs: dict[int, set[int]] = {each: set() for each in found}
    for row in session.execute(rows.where(ConversationWord.conversation_id.in_(found))):
        theirs[row.conversation_id].add(row.word)
    mine = set(words)
    near = next((each for each, said in theirs.items() if _is_near(mine, said)), None)
    if near is None:
        return None
    # It may have been answered, or gone, since it was found.
    held = select(Conversation).where(Conversation.id == near, *_may_be_joined()).with_for_update()
    return session.scalar(held.execution_options(populate_existing=True))


def is_flood(session: Session, organisation_id: int, vault: Vault, *, now: datetime) -> bool:
    """Count one more report, and say whether very many come in at this moment.

    A bucket leaks as they are counted, since nothing else knows the minute of any report.
    """
    key = vault.lookup_hash("flood of reports", str(organisation_id)).hex()
    return pour_over(session, Limit(key, FLOOD, FLOOD_WITHIN), now=now)


def judged_in_flood(judged: Judged) -> Judged:
    """Return how a report is judged while very many come in: without a word of any list it comes last.

    What no list knows a word of comes behind what is like a question: so junk is made.
    """
    if not {each.heading for each in judged.reasons} <= _WORDLESS:
        return judged
    urgency = Urgency.MACHINE if judged.reasons else Urgency.OTHER
    return replace(judged, urgency=urgency, reasons=(*judged.reasons, Reason(Sign.MACHINE)))


def _may_be_joined() -> tuple[ColumnElement[bool], ...]:
    """Return what holds of a conversation that somebody looks at soon, and that nobody need be quick with."""
    # The level is kept below zero; `in_` compares it as it is kept.
    return (
        Conversation.waiting_since.is_not(None),
        Conversation.snoozed_until.is_(None),
        Conversation.urgency.in_([each.value for each in Urgency if each < Urgency.DAY]),
    )


def _is_near(mine: set[int], theirs: set[int]) -> bool:
    return len(mine & theirs) >= NEAR * len(mine | theirs)
