"""Tells members by mail that somebody waits: few mails, none with content, and one that hangs holds up no other.

A mail is noted before it is handed over. When it is not taken, its conversations go on to the next step at once
(escalate.py), and it is tried again meanwhile (trying_again.py): rather told twice than never. Mails about urgent
runs go the same way, behind those about whoever may be in danger.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.core.errors import RecipientRefusedError, UnavailableError
from campaigns.core.mail.smtp import Mailer, compose
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.escalation import offer_mails, urgent_run_mails
from campaigns.inbox.escalation.mail_pauses import LONGEST_PAUSE, Earlier, may_get_one, may_hear_of_run
from campaigns.inbox.escalation.member_mail_text import (
    tell_code,
    tell_complaint,
    tell_partner,
    tell_receiver,
    tell_second_member,
    tell_urgent_run,
    tell_waiting,
)
from campaigns.inbox.escalation.models import (
    EscalationStep,
    EscalationSwitch,
    PostState,
    StepMail,
    StepTold,
)
from campaigns.inbox.escalation.returned_mail import mark_mail, note_post
from campaigns.inbox.escalation.trying_again import (
    claim_again,
    is_of_complaints,
    is_to_be_tried,
    still_waits,
)
from campaigns.inbox.handing_over.models import OfferState
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member, Organisation

#: Mails that are handed over at the same moment: one address at which a server hangs holds up no other.
AT_ONCE = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A member who is to be told of conversations of one urgency that wait in an organisation.

    Complaints about it have mails of their own: who reads them need not answer people, nor work there.
    """

    member_id: int
    organisation_id: int
    urgency: Urgency
    is_complaint: bool
    conversations: int
    #: Whether no mail that was taken told them of one of these.
    is_news: bool = True
    #: They are asked to decide on offers of this state, which are counted.
    decides: OfferState | None = None
    #: The urgent runs under way of which they are told instead.
    run_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to hand over."""

    to: str
    subject: str
    text: str
    #: Row that keeps what became of it: of step_mail, or of escalation_switch where it is a test.
    row_id: int
    member_id: int
    is_test: bool = False
    #: Whether nothing but a refusal of its address came of it until now.
    is_only_refused: bool = True


def send_mails(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Send every mail that is due and return how many were taken; once one is not, the rest waits a moment."""
    taken = 0
    while letters := _claim(sessions, settings):
        with ThreadPoolExecutor(len(letters)) as hands:
            results = list(hands.map(lambda letter: _hand_over(sessions, settings, mailer, letter), letters))
        taken += sum(results)
        if not all(results):
            break
    return taken


def _claim(sessions: sessionmaker[Session], settings: Settings) -> list[Letter]:
    """Note the next mails; nobody writes while there is none."""
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        due = list(islice(_find_due(session, settings, now), AT_ONCE))
        looks = (select(StepMail.id).where(*is_to_be_tried(now)), _select_tests())
        if not due and all(session.scalar(look.limit(1)) is None for look in looks):
            return []
    with sessions.begin() as session:
        letters = [*_claim_tests(session), *_claim_due(session, settings, due, now)]
        return [*letters, *_claim_again(session, settings, now)]


def _find_due(session: Session, settings: Settings, now: datetime) -> Iterator[Due]:
    """Yield who is to be told and may get a mail now, the most urgent first."""
    waiting = [
        Due(
            row.member_id,
            row.organisation_id,
            Urgency(row.urgency),
            row.is_complaint,
            row.conversations,
            is_news=bool(row.news),
        )
        for row in session.execute(_select_pending())
    ]
    asked = [
        Due(row.member_id, row.organisation_id, Urgency(row.urgency), False, row.offers, decides=row.state)
        for row in offer_mails.find_pending(session, now)
    ]
    of_runs = _find_untold(session, settings, now)
    every = [*waiting, *asked, *of_runs]
    for due in sorted(every, key=lambda each: (-each.urgency, bool(each.run_ids), each.member_id)):
        if _may_be_told(session, due, now):
            yield due


def _find_untold(session: Session, settings: Settings, now: datetime) -> Iterator[Due]:
    """Yield who is to be told of urgent runs; who may be in danger goes first."""
    runs: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for member_id, run in urgent_run_mails.find_untold(session, settings, now):
        runs[member_id, run.organisation_id].append(run.id)
    for whose, run_ids in runs.items():
        yield Due(*whose, Urgency.DAY, False, len(run_ids), run_ids=tuple(run_ids))


def _select_pending() -> Any:
    urgency = Conversation.urgency.label("urgency")
    count = func.count(Conversation.id.distinct()).label("conversations")
    whose = StepTold.member_id, EscalationStep.organisation_id
    news = func.sum(case((_was_told_before(), 0), else_=1)).label("news")
    columns = select(*whose, urgency, Conversation.is_complaint, count, news)
    pending = columns.join(EscalationStep, EscalationStep.id == StepTold.step_id)
    pending = pending.join(Conversation, Conversation.id == EscalationStep.conversation_id)
    pending = pending.join(Member, Member.id == StepTold.member_id).where(
        StepTold.settled_at.is_(None), Member.active
    )
    return pending.where(*still_waits()).group_by(*columns.selected_columns[:4])


def _was_told_before() -> ColumnElement[bool]:
    """Match what a member is to be told once more: a mail told them of an earlier step of the same wait."""
    told, step = aliased(StepTold), aliased(EscalationStep)
    of_wait = step.conversation_id == EscalationStep.conversation_id, step.since == EscalationStep.since
    earlier = exists().where(told.member_id == StepTold.member_id, told.step_id == step.id, *of_wait)
    return earlier.where(told.mail_id == StepMail.id, StepMail.state == PostState.SENT)


def _may_be_told(session: Session, due: Due, now: datetime) -> bool:
    """Say whether a member may get one more mail now."""
    facts = (
        StepMail.urgency,
        StepMail.created_at,
        StepMail.changed_at,
        urgent_run_mails.is_of_run().label("is_run"),
    )
    theirs = select(*facts).where(StepMail.member_id == due.member_id, StepMail.created_at > now - LONGEST_PAUSE)
    earlier = [
        Earlier(Urgency(row.urgency), row.created_at, row.changed_at, row.is_run)
        for row in session.execute(theirs)
    ]
    if due.run_ids:
        return may_hear_of_run(earlier, now=now)
    return may_get_one(due.urgency, earlier, is_news=due.is_news, now=now)


def _claim_due(session: Session, settings: Settings, due: Sequence[Due], now: datetime) -> Iterator[Letter]:
    """Note and yield a mail for each who is due, unless another worker did."""
    for each in due:
        # Two workers who ask at once wait here for each other.
        session.execute(select(Member.id).where(Member.id == each.member_id).with_for_update(key_share=True))
        if not _may_be_told(session, each, now):
            continue
        facts = {"attempts": 1, "created_at": now, "changed_at": now, "state": PostState.SENDING}
        whose = {"organisation_id": each.organisation_id, "member_id": each.member_id}
        mail = StepMail(urgency=each.urgency.value, conversations=each.conversations, **whose, **facts)
        session.add(mail)
        session.flush()
        if _settle(session, mail, each, now):
            yield _letter(session, settings, mail)
        else:
            session.delete(mail)


def _settle(session: Session, mail: StepMail, due: Due, now: datetime) -> bool:
    """Put what its member is to be told into a mail; say whether there was anything that nobody else took."""
    if due.run_ids:
        return urgent_run_mails.settle(session, mail, due.run_ids, now=now)
    if due.decides:
        return offer_mails.settle(session, mail, due.decides, now=now)
    steps = select(EscalationStep.id).join(Conversation, Conversation.id == EscalationStep.conversation_id)
    steps = steps.where(EscalationStep.organisation_id == mail.organisation_id)
    of_urgency = steps.where(
        Conversation.urgency == mail.urgency, Conversation.is_complaint == due.is_complaint, *still_waits()
    )
    pending = update(StepTold).where(StepTold.member_id == mail.member_id, StepTold.settled_at.is_(None))
    claimed = pending.where(StepTold.step_id.in_(of_urgency)).values(mail_id=mail.id, settled_at=now)
    taken: Any = session.execute(claimed, execution_options=PAST_MEMORY)
    # Of whom somebody has answered meanwhile, or who waits more urgently by now, they are not told any more.
    moot = pending.where(StepTold.step_id.in_(steps), StepTold.step_id.not_in(steps.where(*still_waits())))
    session.execute(moot.values(settled_at=now), execution_options=PAST_MEMORY)
    return bool(taken.rowcount)


def _claim_again(session: Session, settings: Settings, now: datetime) -> Iterator[Letter]:
    for mail, is_only_refused in claim_again(session, now, most=AT_ONCE):
        yield replace(_letter(session, settings, mail), is_only_refused=is_only_refused)


def _select_tests() -> Any:
    waits = EscalationSwitch.code.is_not(None), EscalationSwitch.code_state.is_(None)
    return select(EscalationSwitch).where(*waits).order_by(EscalationSwitch.organisation_id)


def _claim_tests(session: Session) -> Iterator[Letter]:
    for switch in session.scalars(_select_tests().with_for_update(skip_locked=True)).all():
        switch.code_state = PostState.SENDING
        member = session.get_one(Member, switch.code_for_id)
        organisation = session.get_one(Organisation, switch.organisation_id)
        texts = tell_code(member.locale, organisation=organisation.name, code=switch.code)
        yield Letter(member.email, *texts, switch.organisation_id, member.id, is_test=True)


def _letter(session: Session, settings: Settings, mail: StepMail) -> Letter:
    member, organisation = (
        session.get_one(Member, mail.member_id),
        session.get_one(Organisation, mail.organisation_id),
    )
    ours = settings.public_url.rstrip("/")
    inbox = f"{ours}/inbox"
    names = {"organisation": organisation.name}
    if urgent_run_mails.tells_of_run(session, mail):
        texts = tell_urgent_run(member.locale, **names, link=inbox)
    elif state := offer_mails.asks_for(session, mail):
        tell = tell_second_member if state is OfferState.PROPOSED else tell_receiver
        texts = tell(member.locale, mail.conversations, **names, link=f"{inbox}/handed-over")
    elif is_of_complaints(session, mail):
        link = f"{ours}/complaints"
        texts = tell_complaint(member.locale, mail.urgency, mail.conversations, **names, link=link)
    elif all(each.organisation_id != organisation.id for each in member.memberships):
        texts = tell_partner(member.locale, mail.conversations, **names, link=f"{inbox}/handed-over")
    else:
        texts = tell_waiting(member.locale, mail.urgency, mail.conversations, **names, link=inbox)
    return Letter(member.email, *texts, mail.id, member.id)


def _hand_over(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer, letter: Letter) -> bool:
    # Without a server a mailer only writes to the log.
    state = _post(settings, mailer, letter) if settings.smtp_url else PostState.FAILED
    with sessions.begin() as session:
        if letter.is_test:
            session.get_one(EscalationSwitch, letter.row_id).code_state = state
        else:
            mail = session.get_one(StepMail, letter.row_id)
            mail.state, mail.changed_at = state, clock.now()
            session.flush()
            note_post(session, mail)
    return state == PostState.SENT


def _post(settings: Settings, mailer: Mailer, letter: Letter) -> PostState:
    try:
        texts = {"to": letter.to, "subject": letter.subject, "text": letter.text}
        mailer(compose(sender=settings.mail_from, **texts, mark=mark_mail(settings.secret_key, letter.member_id)))
    except UnavailableError as error:
        # What the server says may name the member's address.
        _log.warning(
            "%s %s was not taken", "test mail of organisation" if letter.is_test else "mail", letter.row_id
        )
        is_refused = isinstance(error, RecipientRefusedError) and letter.is_only_refused and not letter.is_test
        return PostState.REFUSED if is_refused else PostState.FAILED
    return PostState.SENT
