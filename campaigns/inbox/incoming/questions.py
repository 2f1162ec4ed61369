"""What asks for somebody of ours goes into the conversation with whoever wrote it, and waits there."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import heard_handle
from campaigns.audience.joining.writers import note_writer
from campaigns.audience.keywords import DISTRESS, Meaning, is_mere_start, meaning_of
from campaigns.audience.models import Address, Channel
from campaigns.audience.phrases.lines import written_lines_of
from campaigns.core.folding import words_of
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.conversations.hear import hear
from campaigns.inbox.models import LONGEST_TEXT, Reply, ReplyKind
from campaigns.inbox.urgency.judging import Judged, judge
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.inbox.urgency.wordless import Sign

_log = logging.getLogger(__name__)
#: What somebody of ours has to read. Who may have said stop may ask for help with the same words.
ASKS = (
    *(ReplyKind.TEXT, ReplyKind.HELP, ReplyKind.INFO, ReplyKind.YES, ReplyKind.HOLD),
    *(ReplyKind.MOVED, ReplyKind.LOCATION),
)
#: Words of the longest name with which somebody signs, and marks of a question in any script.
_WORDS_OF_A_NAME, _QUESTION_MARKS = 3, "?؟？፧՞"
#: What a person says in a conversation, a place without a word too; other things they do to it.
SPOKEN = (Happening.WROTE, Happening.PRESSED_BUTTON, Happening.SHARED_LOCATION)


def put_in_conversation(
    session: Session, reply: Reply, text: str, written_from: str, *, vault: Vault, is_machines: bool = False
) -> None:
    """Let a text that asks for somebody of ours wait; whoever writes for the first time is a contact from then on.

    What a machine wrote, as it seems, waits last, unless its words are urgent. A name or short code that nobody
    can answer has no conversation: what it sent stands in the history.
    """
    text = text[:LONGEST_TEXT]
    is_asking = reply.kind in ASKS or _calls_for_help(text) or _asks_beside(reply, text)
    if reply.happening not in SPOKEN or not is_asking:
        return
    if not know_writer(session, reply, written_from, vault=vault):
        return
    judged = judge_heard(text, ReplyKind(reply.kind))
    if is_machines and judged.urgency < Urgency.DAY:
        judged = replace(judged, urgency=Urgency.MACHINE, reasons=(Reason(Sign.MACHINE),))
    hear(session, reply, text, judged, vault=vault)


def judge_heard(text: str, kind: ReplyKind) -> Judged:
    """Judge a message by its words and by what it asks; HELP on a line of its own counts beside a stop too."""
    return _judge(text, ReplyKind.HELP if _has_line_for_help(text) else kind)


def _judge(text: str, kind: ReplyKind) -> Judged:
    try:
        return judge(text, kind)
    except Exception:
        # Whatever is wrong with the lists, the message itself must be kept, and what it says done.
        _log.exception("a message that asks for %s cannot be judged", kind)
        return Judged(Urgency.DAY)


def know_writer(session: Session, reply: Reply, written_from: str, *, vault: Vault) -> bool:
    """Let whoever wrote be a contact of the organisation; say whether anybody can be answered."""
    if reply.organisation_id is None:
        return False
    if not _is_theirs(session, reply):
        handle = heard_handle(Channel(reply.channel), written_from)
        if handle is None:
            return reply.contact_id is not None
        # Whoever is known by their number on another channel gets an address there: they are answered where they
        # wrote.
        writer = note_writer(session, reply.organisation_id, handle, at=reply.received_at, vault=vault)
        reply.contact_id = writer.contact_id
    return True


def _is_theirs(session: Session, reply: Reply) -> bool:
    """Say whether the contact of a reply has an address of the phone that it came from, on its channel."""
    same = Address.lookup == reply.lookup
    if reply.number is not None:
        same = or_(same, Address.number == reply.number)
    theirs = select(Address.id).where(Address.contact_id == reply.contact_id, Address.channel == reply.channel)
    return reply.contact_id is not None and session.scalar(theirs.where(same)) is not None


def _calls_for_help(text: str) -> bool:
    """Say whether HELP or urgent words stand on other lines than a word that is done already, as a stop is.

    The sign for it counts beside that word, too.
    """
    if DISTRESS in text or _has_line_for_help(text):
        return True
    beside = "\n".join(line for line in text.splitlines() if meaning_of(line) is None)
    judged = _judge(beside, ReplyKind.TEXT)
    return judged.urgency >= Urgency.DAY and any(reason.language for reason in judged.reasons)


def _asks_beside(reply: Reply, text: str) -> bool:
    """Say whether a start says something beside it, or a stop more than a name that it is signed with.

    Or whether a start comes from somebody unknown, whom it brings no messages.
    """
    if reply.kind == ReplyKind.STOP:
        return any(map(_is_more_than_a_name, _lines_beside(text, reply.kind)))
    return reply.kind == ReplyKind.START and (reply.contact_id is None or says_more(text, reply.kind))


def says_more(text: str, done: str) -> bool:
    """Say whether a line beside what is done or answered (a ReplyKind) says something else, courtesies apart.

    Of several things that are asked for only the strongest is done, and nothing that stands under a rule.
    """
    return bool(_lines_beside(text, done))


def _lines_beside(text: str, done: str) -> list[str]:
    lines = written_lines_of(text)
    # A line alone is what was done or answered, as the words on a button are.
    return [line for line in lines if _asks_apart(line, done)] if len(lines) > 1 else []


def _is_more_than_a_name(line: str) -> bool:
    return len(words_of(line)) > _WORDS_OF_A_NAME or any(sign in line for sign in _QUESTION_MARKS)


def _asks_apart(line: str, done: str) -> bool:
    return meaning_of(line) not in (done, Meaning.YES) and not is_mere_start(line)


def _has_line_for_help(text: str) -> bool:
    return any(meaning_of(line) is Meaning.HELP for line in text.splitlines())
