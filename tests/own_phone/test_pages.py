"""A member proves a phone by a code and gets test messages there, ten a day, and none after a stop."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import PHONE_CHANNELS
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Channel, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.fence import Fence, FenceRefusedError
from campaigns.delivery.engine.ports import Ask, Claimed, Result
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.own_phone import service
from campaigns.own_phone.models import TestText
from campaigns.planning.models import Run, Sender
from campaigns.planning.spending.models import RunCost
from campaigns.reach.counting.run_costs import recount_costs
from campaigns.staff.models import AuditEntry, Member, MemberPhone, Role
from campaigns.web import current
from tests.factories import a_campaign, a_message, a_sender
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

NUMBER = "+380501234567"
PAGE = "/settings/phone"


@pytest.fixture
def author(pages: Pages) -> Member:
    """An author, in an organisation with a sender to Ukraine alone."""
    with pages.sessions.begin() as session:
        a_sender(session, identity="+48500100200", countries=["UA"], organisation_id=pages.ours.id)
    return pages.member(Role.AUTHOR)


def claims(pages: Pages, vault: Vault) -> list[Claimed]:
    """Claim whatever waits for phones of members, as a worker does."""
    store = DatabaseStore(pages.sessions, vault)
    with pages.sessions() as session:
        runs = session.execute(select(Run.id, Run.sender_id).join(TestText, TestText.run_id == Run.id)).all()
    asks = [Ask(Line(row.sender_id, Channel.SMS), row.id, after=0, limit=5, is_answer=True) for row in runs]
    return [each for ask in asks for each in store.exchange((), ask).claimed]


def code_in(text: str) -> str:
    found = re.search(r"\b\d{6}\b", text)
    assert found is not None
    return found[0]


def prove(pages: Pages, vault: Vault, client: FlaskClient) -> None:
    assert client.post(PAGE, data={"number": NUMBER}).status_code == 302
    [claimed] = claims(pages, vault)
    assert claimed.to == NUMBER
    assert client.post(f"{PAGE}/code", data={"code": code_in(claimed.body)}).status_code == 302


def send(pages: Pages, client: FlaskClient, text: str = "Stay on the platform.") -> None:
    with pages.sessions.begin() as session:
        message = a_message(session, pages.ours, texts={"en": text})
    assert client.post(f"{PAGE}/tests/messages/{message.id}/en").status_code == 302


def stop(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        handle = HashedHandle(vault.lookup_hash("sms", NUMBER), Channel.SMS, vault.number_hash(NUMBER))
        withdraw_everywhere(session, handle, Declaration("keyword", "reply 1", clock.now()))


def states(pages: Pages) -> list[SendState]:
    with pages.sessions() as session:
        return [SendState(each) for each in session.scalars(select(Delivery.send_state).order_by(Delivery.id))]


def test_text_comes_to_the_phone_that_was_proved(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    page = client.get(PAGE).text
    assert ("Proved" in page, NUMBER[4:] in page) == (True, False)
    send(pages, client)
    [claimed] = claims(pages, vault)
    assert (claimed.to, claimed.body) == (NUMBER, "TEST\nStay on the platform.")
    # Once is all: whoever looks again finds nothing.
    assert claims(pages, vault) == []
    with pages.sessions() as session:
        phone = session.scalars(select(MemberPhone)).one()
        assert phone.code_hash is None
        assert NUMBER.encode() not in phone.sealed_number


def test_nothing_is_sent_before_the_phone_is_proved(pages: Pages, author: Member) -> None:
    client = pages.client(author)
    send(pages, client)
    assert "prove it by a code first" in client.get(PAGE).text
    client.post(PAGE, data={"number": NUMBER})
    send(pages, client)
    assert len(states(pages)) == 1


@pytest.mark.both_databases
def test_text_to_a_removed_phone_reaches_no_phone_that_comes_after(
    pages: Pages, vault: Vault, author: Member
) -> None:
    client, other = pages.client(author), pages.client(pages.member(Role.AUTHOR))
    prove(pages, vault, client)
    send(pages, client)
    client.post(f"{PAGE}/remove")
    other.post(PAGE, data={"number": "+380671234567"})
    [claimed] = claims(pages, vault)
    assert (claimed.to, "TEST" in claimed.body) == ("+380671234567", False)


def test_stop_from_the_phone_ends_its_test_texts(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    send(pages, client)
    stop(pages, vault)
    assert claims(pages, vault) == []
    assert states(pages)[1] == SendState.SUPPRESSED
    send(pages, client)
    assert len(states(pages)) == 2
    assert "Somebody opted out with this number" in client.get(PAGE).text


def is_code_waiting(pages: Pages, vault: Vault, client: FlaskClient) -> tuple[bool, str]:
    """Enter the number; return whether a code leaves, and the page that says so without what differs each time."""
    shown = re.sub(
        r'name="csrf_token"[^>]*', "", client.post(PAGE, data={"number": NUMBER}, follow_redirects=True).text
    )
    return bool(claims(pages, vault)), shown[shown.index("<main") : shown.index("</main")]


def test_page_tells_nobody_whether_another_ones_number_said_stop(
    pages: Pages, vault: Vault, author: Member
) -> None:
    client = pages.client(author)
    free, before = is_code_waiting(pages, vault, client)
    stop(pages, vault)
    stopped, after = is_code_waiting(pages, vault, client)
    assert (free, stopped, before == after) == (True, False, True)
    assert "A code is on its way" in after


def test_what_codes_cost_tells_nobody_whether_another_ones_number_said_stop(
    pages: Pages, vault: Vault, author: Member
) -> None:
    """An administrator reads the sum, and enters whichever number they like."""
    client = pages.client(author)
    sent = [is_code_waiting(pages, vault, client)[0]]
    stop(pages, vault)
    sent.append(is_code_waiting(pages, vault, client)[0])
    with pages.sessions() as session:
        cents = session.scalars(select(TestText.cents)).all()
    assert (sent, list(cents)) == ([True, False], [cents[0], cents[0]])
    assert cents[0] > 0


@pytest.mark.parametrize("channel", PHONE_CHANNELS)
def test_stop_that_an_earlier_version_remembered_counts(
    pages: Pages, vault: Vault, author: Member, channel: Channel
) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    with pages.sessions.begin() as session:
        old = vault.lookup_hash(channel, NUMBER)
        session.add(SuppressedAddress(lookup=old, channel=channel, since=clock.now()))
    send(pages, client)
    assert len(states(pages)) == 1
    assert not is_code_waiting(pages, vault, client)[0]


@pytest.mark.both_databases
def test_two_clicks_at_once_leave_one_phone(pages: Pages, author: Member) -> None:
    with pages.app.app_context():
        settings = current.settings()
    number = service.read_own_number(NUMBER, settings.vault())

    def enter(session: Session) -> None:
        member = session.get_one(Member, author.id)
        service.enter_number(
            session, member, pages.ours.id, number, language="en", words="{code}", settings=settings
        )

    def click() -> None:
        with pages.sessions.begin() as session:
            enter(session)

    with ThreadPoolExecutor(1) as threads:
        with pages.sessions.begin() as session:
            enter(session)
            second = threads.submit(click)
            time.sleep(0.2)
        second.result()
    with pages.sessions() as session:
        assert len(session.scalars(select(MemberPhone)).all()) == 1


def test_stop_after_the_claim_closes_the_fence(pages: Pages, vault: Vault, author: Member) -> None:
    client, store = pages.client(author), DatabaseStore(pages.sessions, vault)
    prove(pages, vault, client)
    send(pages, client)
    [claimed] = claims(pages, vault)
    fence = Fence(lambda: 0.0)
    fence.refresh(store.snapshot(), asked_at=0.0)
    fence.check(claimed)
    stop(pages, vault)
    fence.refresh(store.snapshot(), asked_at=0.0)
    with pytest.raises(FenceRefusedError):
        fence.check(claimed)


def test_ten_test_texts_a_day_are_the_most(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    for _ in range(service.TESTS_A_DAY + 1):
        send(pages, client)
    assert len(states(pages)) == 1 + service.TESTS_A_DAY
    assert "10 test messages a day are the most" in client.get(PAGE).text
    with standing_at(clock.now() + timedelta(days=1, minutes=1)):
        send(pages, pages.client(author))
    assert len(states(pages)) == 2 + service.TESTS_A_DAY


def test_wrong_code_is_tried_five_times_at_most(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    client.post(PAGE, data={"number": NUMBER})
    code = code_in(claims(pages, vault)[0].body)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        assert "This is not the code" in client.post(f"{PAGE}/code", data={"code": wrong}).text
    answer = client.post(f"{PAGE}/code", data={"code": code})
    assert (answer.status_code, "too old, or was tried too often" in answer.text) == (422, True)


def test_code_holds_for_ten_minutes(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    client.post(PAGE, data={"number": NUMBER})
    code = code_in(claims(pages, vault)[0].body)
    with standing_at(clock.now() + timedelta(minutes=11)):
        assert pages.client(author).post(f"{PAGE}/code", data={"code": code}).status_code == 422


def test_number_gets_three_codes_a_day(pages: Pages, author: Member) -> None:
    client = pages.client(author)
    answers = [client.post(PAGE, data={"number": NUMBER}).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 422]


def test_country_without_a_sender_is_named(pages: Pages, author: Member) -> None:
    answer = pages.client(author).post(PAGE, data={"number": "+48512345678"})
    assert (answer.status_code, "numbers of this country now: Poland" in answer.text) == (422, True)


def test_administrators_are_told_of_another_phone(pages: Pages, vault: Vault, author: Member) -> None:
    admin = pages.client(pages.member(Role.ADMIN))
    assert "changed the phone" not in admin.get("/").text
    prove(pages, vault, pages.client(author))
    assert f"{author.name} changed the phone to which test messages go" in admin.get("/").text
    with pages.sessions() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.action == "member.change_phone")).all()
        assert [entry.organisation_id for entry in told] == [pages.ours.id]


def test_what_the_provider_refused_stands_beside_the_text(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    send(pages, client)
    with pages.sessions.begin() as session:
        failed = {"send_state": SendState.FAILED, "error": "21408"}
        session.execute(update(Delivery).where(Delivery.send_state == SendState.QUEUED).values(**failed))
    page = client.get(PAGE).text
    assert ("Our account may not send to that country" in page, "21408" in page) == (True, True)


def test_removed_phone_gets_nothing_that_waits(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    send(pages, client)
    client.post(f"{PAGE}/remove")
    assert claims(pages, vault) == []
    assert states(pages)[1] == SendState.FAILED


def test_sender_sends_a_sentence_of_its_own(pages: Pages, vault: Vault, author: Member) -> None:
    admin = pages.client(pages.member(Role.ADMIN))
    prove(pages, vault, admin)
    with pages.sessions() as session:
        sender_id = session.scalars(select(Sender.id)).one()
    assert "Send me a test" in admin.get(f"/campaigns/senders/{sender_id}").text
    admin.post(f"{PAGE}/tests/senders/{sender_id}")
    [claimed] = claims(pages, vault)
    assert claimed.body.startswith("TEST\nThis is how a message from “")


@pytest.mark.both_databases
def test_stop_that_the_provider_tells_of_ends_test_texts(pages: Pages, vault: Vault, author: Member) -> None:
    client, store = pages.client(author), DatabaseStore(pages.sessions, vault)
    prove(pages, vault, client)
    send(pages, client)
    [claimed] = claims(pages, vault)
    refused = Result(
        claimed.id,
        claimed.token,
        SendState.FAILED,
        claimed.attempts,
        error="21610",
        outcome="rejected",
        address_id=claimed.address_id,
        action=Action.OPT_OUT,
    )
    store.exchange([refused], None)
    send(pages, client)
    page = client.get(PAGE).text
    assert ("opted out or blocked us" in page, "Somebody opted out with this number" in page) == (True, True)


def test_what_it_costs_is_counted_for_its_country(pages: Pages, vault: Vault, author: Member) -> None:
    prove(pages, vault, pages.client(author))
    with pages.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    recount_costs(pages.sessions)
    with pages.sessions() as session:
        [cost] = session.scalars(select(RunCost)).all()
        assert (cost.country, cost.messages, cost.organisation_id) == ("UA", 1, pages.ours.id)
        assert cost.micros > 0


def test_campaign_says_its_code_over_its_own_senders(pages: Pages, vault: Vault, author: Member) -> None:
    client = pages.client(author)
    prove(pages, vault, client)
    with pages.sessions.begin() as session:
        own = a_sender(session, organisation_id=pages.ours.id)
        message = a_message(session, pages.ours, texts={"en": "Quote ((code)) there."})
        campaign = a_campaign(session, pages.ours, author, message=message, sender=own)
    assert f"{PAGE}/tests/campaigns/{campaign.id}/en" in client.get(f"/campaigns/{campaign.id}?tab=texts").text
    client.post(f"{PAGE}/tests/campaigns/{campaign.id}/en")
    [claimed] = claims(pages, vault)
    assert claimed.body == f"TEST\nQuote {campaign.code} there."
    with pages.sessions() as session:
        assert session.get_one(Run, claimed.run_id).sender_id == own.id


def test_foreign_message_is_not_found(pages: Pages, author: Member) -> None:
    with pages.sessions.begin() as session:
        foreign = a_message(session, pages.theirs)
    assert pages.client(author).post(f"{PAGE}/tests/messages/{foreign.id}/en").status_code == 404
