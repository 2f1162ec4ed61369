"""Very many send junk for an hour: who really tells something is on the first page, and members get few mails."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import Engine, func, select

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import UnnamedReport
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationSwitch
from campaigns.inbox.unnamed import service
from campaigns.inbox.unnamed.flood_limits import PER_INSTANCE, WINDOW, limits_on_writing
from campaigns.staff.models import Role
from tests.inbox.escalation.watch import Post
from tests.inbox.unnamed.test_guessing import SECRET, Buckets
from tests.moments import standing_at
from tests.web.pages import Pages, page_settings

#: In danger, in another language, and a suspicion: told in the midst of it.
REAL = ("I am locked in and they beat me", "Мене замкнули, допоможіть", "I want to report a man at a station")
ADVERT = "Win a phone now at our lovely shop near the old bridge and tell all of your friends"


@pytest.mark.parametrize(
    ("sent", "equal", "minutes"), [(400, 40, 4), pytest.param(50_000, 700, 60, marks=pytest.mark.slow)]
)
def test_real_people_stay_in_sight_and_mails_are_few(
    pages: Pages, sqlite_engine: Engine, vault: Vault, sent: int, equal: int, minutes: int
) -> None:
    members = {name: pages.member(Role.RESPONDER, email=f"{name}@example.org") for name in ("duty", "lead")}
    admin_id = pages.member(Role.ADMIN).id
    with pages.sessions.begin() as session:
        who = PlannedDuty("Day", range(7), 0, 0, (), [members["duty"].id], members["lead"].id, [])
        add_duty(session, pages.ours.id, who, by=admin_id)
        session.add(EscalationSwitch(organisation_id=pages.ours.id, is_on=True, wrong_codes=0))
    settings, post, begun = page_settings(sqlite_engine, smtp_url="smtp://localhost"), Post(), clock.now()
    told = service.Told(pages.ours.id, "", "en", may_answer=True)
    pick, buckets, taken = random.Random(50), Buckets(), 0
    for minute in range(minutes):
        with standing_at(begun + timedelta(minutes=minute)):
            with pages.sessions.begin() as session:
                for number in range(sent // minutes):
                    nth = pick.randrange(2_000)
                    there = {"REMOTE_ADDR": f"100.{nth // 256}.{nth % 256}.9"}
                    if buckets.pour(session, limits_on_writing(SECRET, there, now=clock.now()), now=clock.now()):
                        is_equal = number % (sent // equal) == 0
                        words = " ".join(f"{pick.choice('bcdfgh')}a{pick.randrange(900)}lo" for _ in range(9))
                        service.begin_report(
                            session, _saying(told, f"{ADVERT} {number}" if is_equal else words), vault=vault
                        )
                        session.expunge_all()
                        taken += 1
                for text in REAL if minute == minutes // 2 else ():
                    service.begin_report(session, _saying(told, text), vault=vault)
            escalate(pages.sessions, settings)
            send_mails(pages.sessions, settings, post)
    page = unescape(pages.client(members["duty"]).get("/inbox?languages=all").text)
    assert [text for text in REAL if text not in page] == []
    mails = Counter(mail["To"] for mail in post.mails)
    assert mails
    assert max(mails.values()) <= 6, mails
    with pages.sessions() as session:
        kept = session.scalar(select(func.count()).select_from(UnnamedReport)) or 0
    assert kept == taken + len(REAL)
    # Most of it never came so far.
    assert taken <= PER_INSTANCE * (timedelta(minutes=minutes) / WINDOW + 1), taken


def _saying(told: service.Told, text: str) -> service.Told:
    return service.Told(told.organisation_id, text, told.language, told.may_answer)
