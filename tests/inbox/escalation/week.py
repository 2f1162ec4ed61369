"""A week of conversations with a roster that has gaps, members who are slow, mails that are refused or come back,
offers that a partner declines or lets lapse, and outages.

`python -m tests.inbox.escalation.week 10000` tells what came of it on SQLite, `… 10000 postgres` on PostgreSQL.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import RecipientRefusedError, UnavailableError
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.duty.targets import Step, answer_until
from campaigns.inbox.escalation import on_call
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationStep, EscalationSwitch
from campaigns.inbox.escalation.waits import count_urgent
from campaigns.inbox.handing_over import service as hand_over
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.returning import return_due
from campaigns.inbox.handing_over.service import Extract
from campaigns.inbox.urgency.levels import Urgency
from campaigns.schema import metadata
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member, an_organisation
from tests.postgres import PostgresServer
from tests.web.pages import page_settings

#: A Monday; the clocks change in its last night.
MONDAY = datetime(2026, 3, 23, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = 7 * DAY
#: One in twenty may be in danger.
MIX = (
    [Urgency.DANGER]
    + [Urgency.DAY] * 3
    + [Urgency.QUESTION] * 10
    + [Urgency.REPORT] * 2
    + [Urgency.OTHER] * 3
    + [Urgency.MACHINE]
)
#: One in ten of whoever may be in danger is offered to the partner, who does one of these.
OFFERED = 0.1
FATES = ("accept", "decline", "lapse")
LANGUAGES = ("uk", "ar", "en", None)
#: No mail is taken; no worker looks.
DEAD_MAIL = (MONDAY + DAY + 2 * HOUR, MONDAY + DAY + 5 * HOUR)
NO_WORKER = (MONDAY + 2 * DAY + 13 * HOUR, MONDAY + 2 * DAY + 13 * HOUR + 25 * MINUTE)


@dataclass
class Outcome:
    """What came of whoever may have been in danger."""

    danger: int = 0
    #: Of these, waits that began anew since a partner declined, or did nothing.
    came_back: int = 0
    #: Whoever needed help within a day: all, and those who were neither answered nor told to the lead in time.
    within_a_day: int = 0
    late: list[int] = field(default_factory=list)
    #: Whoever was answered within the hour, and for whom every page was red by then.
    answered_in_time: int = 0
    red_in_time: int = 0
    #: Whoever was neither.
    unseen: list[int] = field(default_factory=list)
    longest_wait: timedelta = timedelta()
    #: Longest time until the first step was written down while a worker looked.
    slowest_alert: timedelta = timedelta()
    steps: Counter[str] = field(default_factory=Counter)
    #: Mails taken, by member and day; and the most that one got within an hour.
    mails: Counter[tuple[str, int]] = field(default_factory=Counter)
    most_in_an_hour: int = 0


class Week:
    """Plays a week, minute by minute."""

    def __init__(
        self, engine: Engine, conversations: int, *, seed: int, start: datetime = MONDAY, span: timedelta = WEEK
    ) -> None:
        self.sessions: sessionmaker[Session] = make_sessions(engine)
        self.settings: Settings = page_settings(engine, smtp_url="smtp://localhost")
        self.chance, self.now, self.end = random.Random(seed), start, start + span
        self.outcome = Outcome()
        self.vault = self.settings.vault()
        #: Conversations that wait: when each began, and how urgent it is.
        self.waiting: dict[int, tuple[datetime, Urgency]] = {}
        #: Waits of a day: their language, and when each began and was answered.
        self.days: dict[int, tuple[str | None, datetime, datetime | None]] = {}
        #: Offers that a partner declines at a minute, and those that it leaves until they lapse.
        self.declining: dict[datetime, list[int]] = {}
        self.lapsing: list[int] = []
        self.red: set[int] = set()
        #: Members who read a mail and come to answer, by the minute.
        self.coming: dict[datetime, set[str]] = {}
        self.sent: list[tuple[str, datetime]] = []
        minutes = int(span / MINUTE)
        self.arrivals = Counter(self.chance.randrange(minutes) for _ in range(conversations))
        self.organisation, self.roster = self._found()

    def _found(self) -> tuple[Organisation, Roster]:
        with self.sessions.begin() as session:
            ours = an_organisation(session, time_zone="Europe/Kyiv")
            reads = {
                "anna": ["uk"],
                "omar": ["ar"],
                "eva": ["en", "uk"],
                "lead": ["en"],
                "reserve": ["ar"],
                "bounces": [],
            }
            self.members = {
                name: a_member(
                    session, ours, Role.RESPONDER, email=f"{name}@example.org", name=name, languages=codes
                ).id
                for name, codes in reads.items()
            }
            who, lead, reserve = self.members, self.members["lead"], [self.members["reserve"]]
            by = who["lead"]
            for planned in (
                PlannedDuty("Day", range(5), 480, 960, (), [who["anna"], who["omar"]], lead, reserve),
                # Until the end of the night there is nobody: a gap.
                PlannedDuty("Evening", range(5), 960, 1320, (), [who["eva"], who["bounces"]], lead, reserve),
                PlannedDuty("Weekend", (5, 6), 600, 840, ("uk",), [who["bounces"]], lead, reserve),
            ):
                add_duty(session, ours.id, planned, by=by)
            session.add(EscalationSwitch(organisation_id=ours.id, is_on=True, wrong_codes=0))
            self._find_partner(session, ours, by=by)
            return ours, load_roster(session, ours, self.settings)

    def _find_partner(self, session: Session, ours: Organisation, *, by: int) -> None:
        self.partner = an_organisation(session, name="Partner")
        address = "partner@example.org"
        self.worker = a_member(session, self.partner, Role.RESPONDER, email=address, name="partner").id
        planned = PlannedDuty("Always", range(7), 0, 0, (), [self.worker], None, [])
        add_duty(session, self.partner.id, planned, by=self.worker)
        session.add(EscalationSwitch(organisation_id=self.partner.id, is_on=True, wrong_codes=0))
        on_call.ask(session, ours.id, self.partner.id, by=by)
        on_call.agree(session, self.partner.id, ours.id, by=self.worker)

    def play(self) -> Outcome:
        """Play the week and return what came of it."""
        minute = 0
        with clock.running_on(lambda: self.now):
            while self.now < self.end:
                self._arrive(self.arrivals[minute])
                if not _within(self.now, NO_WORKER):
                    escalate(self.sessions, self.settings)
                    send_mails(self.sessions, self.settings, self._take)
                self._look_at_pages()
                self._decide()
                self._answer()
                minute, self.now = minute + 1, self.now + MINUTE
        return self._judge()

    def _arrive(self, count: int) -> None:
        if not count:
            return
        with self.sessions.begin() as session:
            owner = {"organisation_id": self.organisation.id, "created_at": self.now}
            people = session.scalars(
                insert(Contact).returning(Contact.id),
                [{**owner, "language": "uk", "position_at": self.now}] * count,
            ).all()
            for contact_id in people:
                urgency = self.chance.choice(MIX)
                row = Conversation(
                    **owner,
                    contact_id=contact_id,
                    state=ConversationState.NEW,
                    urgency=urgency,
                    reasons=[],
                    waiting_since=self.now,
                    urgent_since=self.now,
                    last_at=self.now,
                    channel="sms",
                    language=self.chance.choice(LANGUAGES),
                )
                session.add(row)
                session.flush()
                self.waiting[row.id] = self.now, urgency
                self.outcome.danger += urgency is Urgency.DANGER
                if urgency is Urgency.DAY:
                    self.days[row.id] = row.language, self.now, None

    def _take(self, message: EmailMessage) -> None:
        """Take a mail, if the server takes any; whoever reads it may come and answer."""
        name = message["To"].partition("@")[0]
        if _within(self.now, DEAD_MAIL):
            raise UnavailableError("not taken")
        if name == "bounces":
            raise RecipientRefusedError("not taken")
        self.sent.append((name, self.now))
        self.outcome.mails[name, (self.now - MONDAY).days] += 1
        if name != "partner" and "urgent" in message["Subject"] and self.chance.random() < 0.5:
            at = self.now + self.chance.randrange(2, 45) * MINUTE
            self.coming.setdefault(at, set()).add(name)

    def _look_at_pages(self) -> None:
        with self.sessions() as session:
            found = count_urgent(session, [self.organisation.id], now=self.now)
        if any(each.is_red for each in found):
            # Everybody's page is red for whoever waits longest, and so for all of them.
            self.red |= {each for each, (_since, urgency) in self.waiting.items() if urgency is Urgency.DANGER}

    def _answer(self) -> None:
        """Let those at their desks answer, the most urgent first; not each of them every minute."""
        at_desk = len(self.coming.pop(self.now, ()))
        for entry in self.roster.on_duty(self.now):
            at_desk += sum(self.chance.random() < 0.45 for _member in entry.answering)
        order = sorted(self.waiting, key=lambda each: (-self.waiting[each][1], self.waiting[each][0]))
        answered = order[:at_desk]
        if answered:
            with self.sessions.begin() as session:
                rows = update(Conversation).where(Conversation.id.in_(answered))
                session.execute(
                    rows.values(waiting_since=None, urgent_since=None, state=ConversationState.ANSWERED)
                )
        for each in answered:
            since, urgency = self.waiting.pop(each)
            if urgency is Urgency.DANGER:
                self._note(each, self.now - since)
                if self.chance.random() < OFFERED:
                    self._offer(each)
            if each in self.days:
                language, began, _answered = self.days[each]
                self.days[each] = language, began, self.now

    def _offer(self, which: int) -> None:
        with self.sessions.begin() as session:
            extract = Extract(self.partner.id, "Needs a place to sleep tonight.", "Yes, tell them.")
            conversation = session.get_one(Conversation, which)
            handed = hand_over.offer(session, conversation, extract, by=self.members["lead"], vault=self.vault).id
        fate = self.chance.choice(FATES)
        if fate == "lapse":
            self.lapsing.append(handed)
        elif fate == "decline":
            at = self.now + self.chance.randrange(1, 55) * MINUTE
            self.declining.setdefault(at, []).append(handed)
        else:
            with self.sessions.begin() as session:
                hand_over.accept(session, session.get_one(HandOver, handed), by=self.worker)

    def _decide(self) -> None:
        """Let the partner decline, and offers lapse: those people wait again."""
        for each in self.declining.pop(self.now, ()):
            with self.sessions.begin() as session:
                handed = session.get_one(HandOver, each)
                hand_over.decline(session, handed, "We are full.", by=self.worker, vault=self.vault)
                self._come_back(handed)
        if self.lapsing and return_due(self.sessions):
            with self.sessions() as session:
                lapsed = HandOver.id.in_(self.lapsing), HandOver.state == OfferState.LAPSED
                for handed in session.scalars(select(HandOver).where(*lapsed)):
                    self.lapsing.remove(handed.id)
                    self._come_back(handed)

    def _come_back(self, handed: HandOver) -> None:
        self.waiting[handed.conversation_id] = self.now, Urgency.DANGER
        self.red.discard(handed.conversation_id)
        self.outcome.danger += 1
        self.outcome.came_back += 1

    def _note(self, which: int, wait: timedelta) -> None:
        outcome = self.outcome
        outcome.longest_wait = max(outcome.longest_wait, wait)
        if wait <= HOUR:
            outcome.answered_in_time += 1
        elif which in self.red:
            outcome.red_in_time += 1
        else:
            outcome.unseen.append(which)

    def _judge(self) -> Outcome:
        outcome = self.outcome
        for which, (since, urgency) in self.waiting.items():
            if urgency is Urgency.DANGER and self.now - since > HOUR:
                self._note(which, self.now - since)
            elif urgency is Urgency.DANGER:
                outcome.danger -= 1
        columns = (
            EscalationStep.conversation_id,
            EscalationStep.step,
            EscalationStep.since,
            EscalationStep.taken_at,
        )
        with self.sessions() as session:
            steps = session.execute(select(*columns)).all()
        told = {row.conversation_id: row.taken_at for row in steps if row.step == Step.LEAD}
        for which, (language, since, answered) in self.days.items():
            due = answer_until(Urgency.DAY, since, self.roster.hours(language)) or self.end
            seen = min(answered or self.end, told.get(which, self.end))
            outcome.within_a_day += 1
            if seen > due + MINUTE and due + MINUTE < self.end and not _within(due, NO_WORKER):
                outcome.late.append(which)
        for row in steps:
            outcome.steps[row.step] += 1
            if row.step == Step.ALERT and not _within(row.since, NO_WORKER):
                outcome.slowest_alert = max(outcome.slowest_alert, row.taken_at - row.since)
        outcome.most_in_an_hour = _most_in_an_hour(self.sent)
        return outcome


def _most_in_an_hour(sent: Sequence[tuple[str, datetime]]) -> int:
    most = 0
    for name, at in sent:
        most = max(most, sum(other == name and at - HOUR < then <= at for other, then in sent))
    return most


def _within(at: datetime, span: tuple[datetime, datetime]) -> bool:
    return span[0] <= at < span[1]


@contextmanager
def _a_database(kind: str) -> Iterator[str]:
    """Give the address of an empty database."""
    if kind == "postgres":
        with PostgresServer() as server:
            yield server.create_database()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'week.db'}"


def main(conversations: int, kind: str = "sqlite") -> None:
    """Play a week and print what came of it."""
    with _a_database(kind) as address:
        engine = make_engine(address)
        metadata.create_all(engine)
        outcome = Week(engine, conversations, seed=1).play()
        engine.dispose()
    seen = outcome.answered_in_time + outcome.red_in_time
    names = sorted({name for name, _day in outcome.mails})
    lines = (
        f"{conversations} conversations, {outcome.danger} of them danger now",
        f"{outcome.came_back} of these waits began anew since a partner declined or did nothing",
        f"within a day: {outcome.within_a_day}; neither answered nor told to the lead in time: {outcome.late[:5]}",
        f"seen or red within the hour: {seen} of {outcome.danger}; not: {outcome.unseen[:5]}",
        f"answered {outcome.answered_in_time}, red {outcome.red_in_time}; longest wait {outcome.longest_wait}",
        f"slowest first step {outcome.slowest_alert}; steps {dict(outcome.steps)}",
        f"most mails to one member within an hour: {outcome.most_in_an_hour}",
        *(f"{name:>8}: {[outcome.mails[name, day] for day in range(7)]} mails a day" for name in names),
    )
    sys.stdout.write("\n".join((*lines, "")))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
