"""Conversations by hand, in Ukrainian at a desk and in Arabic on a phone: from a question to the 25th hour."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import func, select, update

from campaigns.audience.models import Address, Channel, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import AnswerService, Delivery
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations.models import Answer, Conversation
from campaigns.inbox.service import receive_inbound
from campaigns.places.models import Region
from campaigns.staff.models import Member, Organisation, Role
from tests.browser.chromium import Visit, a_browser, skip_without_browser
from tests.factories import a_region, a_sender, a_service
from tests.inbox.builders import came_over
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser

OURS, SEND = "+48500100100", "form.form button.is-primary[type=submit]:not([formaction])"
#: How soon the other member has to be seen, in milliseconds.
SEEN_WITHIN = 5_000
LOOKS = (("ar", 360), pytest.param(("uk", 1280), marks=pytest.mark.long))


@dataclass
class Team:
    """A served organisation, two members of it who read Ukrainian, and people who write to it."""

    pages: Pages
    vault: Vault
    browser: Browser
    address: str
    members: tuple[Member, Member]
    look: tuple[str, int]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def hear(self, text: str, *, who: int = 1, channel: str = "sms") -> int:
        """Let somebody write; return their conversation, 0 for a stranger's stop."""
        with self.pages.sessions.begin() as session:
            inbound = Inbound(f"SM{next(self._numbers):032}", f"+38067000{who:04}", OURS, text, channel)
            account = came_over(session, owners=[self.pages.ours.id])
            reply = receive_inbound(session, inbound, self.vault, account=account)
            assert reply is not None
            return session.scalar(select(Conversation.id).filter_by(contact_id=reply.contact_id)) or 0

    def visit(self, number: int = 0) -> AbstractContextManager[Visit]:
        language, width = self.look
        return a_visit(
            self.browser, self.address, self.pages, self.members[number], width=width, language=language
        )

    def answers(self, which: int) -> int:
        with self.pages.sessions() as session:
            return session.scalar(select(func.count(Answer.id)).where(Answer.conversation_id == which)) or 0


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Iterator[Team]:
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        facts = {"locale": request.param[0], "languages": ["uk", "en"]}
        first, second = (pages.member(Role.RESPONDER, email=f"{n}@example.org", **facts) for n in ("one", "two"))
        with pages.sessions.begin() as session:
            for channel in (Channel.SMS, Channel.WHATSAPP):
                a_sender(session, organisation_id=pages.ours.id, identity=OURS, channel=channel, name=channel)
            ours = session.get_one(Organisation, pages.ours.id)
            a_service(session, ours, country="UA", verified_on=clock.now().date(), languages=["uk", "en"])
            a_region(session, code="UA-46", country="UA", name="Lviv")
        with served(pages.app) as address, a_browser() as browser:
            yield Team(pages, vault, browser, address, (first, second), request.param)


def send(visit: Visit, words: str) -> None:
    visit.page.fill("[name=words]", words)
    with visit.page.expect_navigation():
        visit.page.locator(SEND).click()


def test_question_is_ordered_found_and_answered_with_a_helpline(team: Team) -> None:
    team.hear("Дякую за вчора", who=10)
    which = team.hear("він забрав мій паспорт і не випускає", who=11)
    unread = team.hear("እባክዎ እርዱኝ", who=12)
    with team.pages.sessions.begin() as session:
        session.get_one(Conversation, unread).language = "am"
        region = session.scalars(select(Region.id)).one()
        contact_id = session.get_one(Conversation, which).contact_id
        session.execute(update(Contact).where(Contact.id == contact_id).values(region_id=region))
    with team.visit() as visit:
        visit.go("/inbox")
        visit.look("conversations")
        # Nobody of the team reads the language of one; the one in danger is first.
        expect(visit.page.locator(".notice.is-warning")).not_to_have_count(0)
        first = visit.page.locator(".queue > .question").first
        expect(first.locator(f"a[href='/inbox/{which}']")).to_have_count(1)
        visit.page.locator(".more > summary").focus()
        visit.page.keyboard.press("Enter")
        visit.page.select_option("#region", "UA-46")
        visit.look("conversations-filters")
        with visit.page.expect_navigation():
            visit.page.locator("form[role=search] button[type=submit]").click()
        expect(visit.page.locator(".queue > .question")).to_have_count(1)
        with visit.page.expect_navigation():
            visit.page.locator(f"a[href='/inbox/{which}']").click()
        visit.look("conversation")
        with visit.page.expect_navigation():
            visit.page.locator("button[formaction*='/insert/']").first.click()
        words = visit.page.input_value("[name=words]")
        assert re.search(r"\+48 22 628 01 20", words)
        send(visit, words)
        visit.look("conversation-answered")
        expect(visit.page.locator(".said.is-ours").last).to_contain_text("+48 22 628 01 20")
    with team.pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(AnswerService)) == 1


@pytest.mark.long
def test_of_two_members_in_one_conversation_one_answers_and_the_other_keeps_the_draft(team: Team) -> None:
    which = team.hear("Де можна переночувати?", who=20)
    with team.visit(0) as first, team.visit(1) as second:
        first.go(f"/inbox/{which}")
        first.page.fill("[name=words]", "On platform 4.")
        second.go(f"/inbox/{which}")
        second.page.fill("[name=words]", "In the church.")
        begun = time.monotonic()
        for visit in (first, second):
            visit.page.wait_for_selector("#presence > p", timeout=SEEN_WITHIN)
        assert time.monotonic() - begun < 2 * SEEN_WITHIN / 1000
        first.look("conversation-two")
        assert second.page.input_value("[name=words]") == "In the church."
        send(first, "On platform 4.")
        second.page.wait_for_selector("#presence .notice", timeout=SEEN_WITHIN)
        send(second, "In the church.")
        second.complaints.clear()  # a browser complains of what is refused
        assert second.page.input_value("[name=words]") == "In the church."
        expect(second.page.locator(".thread")).to_contain_text("On platform 4.")
        second.look("conversation-refused")
    assert team.answers(which) == 1


@pytest.mark.long
def test_draft_waits_behind_the_24th_hour(team: Team) -> None:
    which = team.hear("Де можна переночувати?", who=30, channel="whatsapp")
    late = clock.now() - timedelta(hours=25)
    with team.pages.sessions.begin() as session:
        session.execute(update(Address).where(Address.channel == Channel.WHATSAPP).values(heard_at=late))
    with team.visit() as visit:
        visit.go(f"/inbox/{which}")
        visit.look("conversation-late")
        expect(visit.page.locator(SEND)).to_have_count(0)
        visit.page.fill("[name=words]", "On platform 4.")
        with visit.page.expect_navigation():
            visit.page.locator("button[formaction$='/draft']").click()
        assert team.answers(which) == 0
        team.hear("1", who=30, channel="whatsapp")
        visit.go(f"/inbox/{which}")
        visit.look("conversation-kept")
        assert visit.page.input_value("[name=words]") == "On platform 4."
        send(visit, "On platform 4.")
    assert team.answers(which) == 1


@pytest.mark.long
def test_who_said_stop_is_answered_once_they_write_again(team: Team) -> None:
    which = team.hear("Де можна переночувати?", who=40)
    team.hear("STOP", who=40)
    with team.visit() as visit:
        visit.go(f"/inbox/{which}")
        visit.look("conversation-stopped")
        expect(visit.page.locator(SEND)).to_have_count(0)
        team.hear("А де поїсти?", who=40)
        visit.go(f"/inbox/{which}")
        visit.look("conversation-again")
        send(visit, "At the station.")
    assert team.answers(which) == 1
    with team.pages.sessions() as session:
        run_id = session.scalars(select(Answer.run_id).where(Answer.conversation_id == which)).one()
        assert session.scalars(select(Delivery.send_state).filter_by(run_id=run_id)).all() == ["queued"]
