"""The engine sends a test message to the phone over a provider: once, and a receipt says that it arrived."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.own_phone.models import TestText
from campaigns.planning.models import Health, Sender
from campaigns.staff.models import Member, MemberPhone, Role
from tests.delivery.driving import drive, settled
from tests.factories import a_sender
from tests.gateways.conftest import twilio_at
from tests.own_phone.test_pages import NUMBER, PAGE, code_in, send
from tests.sandbox.process import SENDER, SandboxProcess
from tests.web.pages import Pages


@pytest.fixture
def author(pages: Pages) -> Member:
    """An author, in an organisation with the sender that the sandbox knows."""
    with pages.sessions.begin() as session:
        a_sender(session, identity=SENDER, organisation_id=pages.ours.id)
    return pages.member(Role.AUTHOR)


def work(pages: Pages, vault: Vault, sandbox: SandboxProcess) -> list[tuple[str, str]]:
    """Let the engine send what waits; return everything that the provider ever took, as number and words."""
    with pages.sessions() as session:
        runs = session.scalars(select(TestText.run_id)).all()
    looks = [settled(pages.sessions, run_id) for run_id in runs]
    drive(pages.sessions, vault, twilio_at(sandbox.url), until=lambda: all(look() for look in looks))
    return [(each["to"], each["body"]) for each in sandbox.whole_truth()]


def test_code_and_test_message_arrive_once(
    pages: Pages, vault: Vault, author: Member, sandbox: SandboxProcess
) -> None:
    client = pages.client(author)
    client.post(PAGE, data={"number": NUMBER})
    [(to, body)] = work(pages, vault, sandbox)
    assert to == NUMBER
    client.post(f"{PAGE}/code", data={"code": code_in(body)})
    send(pages, client)
    for _ in range(2):
        assert work(pages, vault, sandbox)[1:] == [(NUMBER, "TEST\nStay on the platform.")]


# The sender is paused after some seconds of refusals.
@pytest.mark.long
def test_page_says_why_the_provider_takes_nothing_from_the_sender(
    pages: Pages, vault: Vault, sandbox: SandboxProcess
) -> None:
    """A refused sender is paused: the message waits, with the reason beside it."""
    client = pages.client(pages.member(Role.AUTHOR))
    with pages.sessions.begin() as session:
        sender_id = a_sender(session, identity="+48500100200", organisation_id=pages.ours.id).id
    client.post(PAGE, data={"number": NUMBER})
    with pages.sessions.begin() as session:
        session.scalars(select(MemberPhone)).one().proved_at = clock.now()
        # Whichever is tried first pauses the sender, and the page tells of test messages only.
        session.execute(update(Delivery).values(send_state=SendState.CANCELLED))
    send(pages, client)

    def is_paused() -> bool:
        with pages.sessions() as session:
            return session.get_one(Sender, sender_id).health == Health.PAUSED

    drive(pages.sessions, vault, twilio_at(sandbox.url), until=is_paused)
    assert "21606" in client.get(PAGE).text
    # No other one writes there.
    assert "Look at the senders" in client.post(PAGE, data={"number": NUMBER}).text
