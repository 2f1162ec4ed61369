"""At night, with mail down and nobody there, whoever is in danger is first, told of help, and escalated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel, Contact
from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.gateways.callbacks import InboundMedia, MediaKind
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.conversations.models import Conversation, ConversationState, Occasion
from campaigns.inbox.conversations.queries import Wanted, select_queue
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationStep, EscalationSwitch
from campaigns.inbox.escalation.waits import count_urgent
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member, a_message, a_sender, a_service, an_organisation
from tests.inbox.builders import OURS, write
from tests.inbox.escalation.watch import Post
from tests.inbox.urgency.test_messages import LANGUAGES, messages
from tests.inbox.urgency.test_order import judged
from tests.web.pages import page_settings

NIGHT = datetime(2026, 3, 3, 3, tzinfo=UTC)
TEXT = {"en": "From ((again)). Help: ((hotline??none)). In danger: ((emergency??none))."}
HELPLINE = {"country": "UA", "number_national": "0 800 505 501", "number_from_abroad": "+380 44 205 36 94"}
#: Nobody can read these: they may be danger.
MEDIA = [(InboundMedia(kind, f"ME{kind}"),) for kind in (MediaKind.VOICE, MediaKind.PICTURE)]


def a_night(session: Session) -> Organisation:
    """An organisation whose desk is empty, with a helpline that is open and somebody to tell."""
    ours = an_organisation(session)
    a_sender(session, organisation_id=ours.id, identity=OURS, channel="whatsapp")
    a_service(session, ours, hours={}, time_zone="Europe/Kyiv", verified_on=NIGHT.date(), **HELPLINE)
    duty, lead = (
        a_member(session, ours, Role.RESPONDER, email=f"{name}@example.org") for name in ("duty", "lead")
    )
    day = PlannedDuty("Day", range(7), 8 * 60, 20 * 60, (), [duty.id], lead.id, [])
    add_duty(session, ours.id, day, by=lead.id)
    session.add(EscalationSwitch(organisation_id=ours.id, is_on=True, wrong_codes=0))
    choose(session, ours, {Occasion.OFF_DUTY: a_message(session, ours, TEXT).id}, by=lead.id)
    return ours


def let_others_wait(session: Session, ours: Organisation, count: int) -> None:
    """Let others wait whose messages are harmless, all of them for longer."""
    harmless = [text for text in messages("harmless") if judged(text)["urgency"] < Urgency.DAY]
    owner = {"organisation_id": ours.id, "created_at": NIGHT}
    people = session.scalars(insert(Contact).returning(Contact.id), [{**owner, "language": "uk"}] * count)
    facts = {**owner, "state": ConversationState.NEW, "last_at": NIGHT, "channel": Channel.SMS}
    since = [NIGHT - timedelta(hours=9) + timedelta(seconds=number) for number in range(count)]
    rows = [
        {**facts, "contact_id": who, "waiting_since": at, "urgent_since": at, **judged(text)}
        for who, at, text in zip(people.all(), since, islice(cycle(harmless), count), strict=True)
    ]
    session.execute(insert(Conversation), rows)


def let_write(session: Session, vault: Vault, ours: Organisation, texts: Sequence[str]) -> list[int]:
    """Let each text, a voice note and a picture come from a phone of its own; return the contacts."""
    told = [*((text, ()) for text in texts), *(("", each) for each in MEDIA)]
    contacts = []
    for number, (text, files) in enumerate(told):
        whose = {"from_handle": f"+38067{number:07}", "channel": "whatsapp", "media": files}
        reply = write(session, vault, ours.id, text, options={"policy": USUAL}, **whose)
        assert reply is not None
        assert reply.contact_id is not None
        contacts.append(reply.contact_id)
    return contacts


def read_by_them(session: Session, vault: Vault) -> list[str]:
    rows = session.scalars(select(RunText).join(Delivery, Delivery.text_id == RunText.id))
    return [open_body(row.body, row.sealed_body, row.id, vault) or "" for row in rows]


@pytest.mark.parametrize(
    ("most", "others"),
    [pytest.param(1, 50, id="some"), pytest.param(None, 5_000, id="all", marks=pytest.mark.slow)],
)
def test_nobody_in_danger_is_left_alone(
    sqlite_engine: Engine, vault: Vault, most: int | None, others: int
) -> None:
    settings, sessions = page_settings(sqlite_engine, smtp_url="smtp://localhost"), make_sessions(sqlite_engine)
    texts = [text for language in LANGUAGES for text in messages("danger", language=language)[:most]]
    heard = [text for text in texts if judged(text)["urgency"] >= Urgency.DAY]
    assert len(heard) > 0.97 * len(texts)
    with clock.running_on(lambda: NIGHT), sessions.begin() as session:
        ours = a_night(session)
        let_others_wait(session, ours, others)
        contacts = let_write(session, vault, ours, heard)
        answers = read_by_them(session, vault)
        first = session.scalars(select_queue(ours.id, Wanted(), by=0, now=NIGHT).limit(len(contacts))).all()
        in_danger = {each.id for each in first if each.urgency == Urgency.DANGER}
        assert {each.contact_id for each in first} == set(contacts)
        assert [each.contact_id for each in first if not each.reasons] == []
    # Each of them has both numbers in the moment in which they wrote.
    assert len(answers) == len(contacts)
    both = ("112", HELPLINE["number_from_abroad"])
    assert [each for each in answers if not all(number in each for number in both)] == []
    post, steps = Post(is_down=True), defaultdict[str, set[int]](set)
    for minutes in (0, 15, 30):
        at = NIGHT + timedelta(minutes=minutes, seconds=5)
        with clock.running_on(partial(max, at, at)):
            escalate(sessions, settings)
            send_mails(sessions, settings, post)
        with sessions() as session:
            for row in session.scalars(select(EscalationStep)):
                steps[row.step].add(row.conversation_id)
        if not minutes:
            assert {each.id for each in first} <= steps["alert"]
    assert in_danger <= steps["responders"] & steps["lead"]
    with sessions() as session:
        (urgent,) = count_urgent(session, [ours.id], now=NIGHT + timedelta(minutes=61))
    assert urgent.is_red
