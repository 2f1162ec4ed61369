"""The inbox shows what people wrote as text and nothing else, to responders of their organisation alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.models import Reply
from campaigns.inbox.queries import OptOuts, count_opt_outs
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import Organisation, Role
from tests.factories import a_contact, a_region, a_sender, an_address
from tests.inbox.builders import BOT, came_over, on_telegram, receive
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
NUMBER = "+380501234567"


def say(pages: Pages, vault: Vault, text: str, *, to: Organisation | None = None) -> Reply:
    number = f"{NUMBER[:-2]}{len(text):02d}"
    with pages.sessions.begin() as session:
        an_address(session, a_contact(session, to or pages.ours, language="ar"), vault, number=number)
        message = Inbound(f"SM{text}"[:60], number, "+15005550006", text, "sms")
        owners = [(to or pages.ours).id]
        reply = receive_inbound(session, message, vault, account=came_over(session, owners=owners))
        assert reply is not None
        return reply


def our_bot(session: Session, pages: Pages) -> Account:
    return came_over(session, "telegram", name=BOT, secret_names=["bot"], owners=[pages.ours.id])


def test_empty_inbox_says_what_comes(client_for: Clients) -> None:
    assert "Nobody has answered yet." in client_for(Role.RESPONDER).get("/inbox/history").text


def test_text_is_never_markup_or_link(pages: Pages, vault: Vault, client_for: Clients) -> None:
    say(pages, vault, "<script>x</script> https://evil.example \u202egpj.exe")
    page = client_for(Role.RESPONDER).get("/inbox/history").text
    assert '<bdi dir="auto">&lt;script&gt;x&lt;/script&gt; https://evil.example ⟦RLO⟧gpj.exe</bdi>' in page
    assert 'href="https://evil.example' not in page


def test_replies_stay_in_their_organisation(pages: Pages, vault: Vault, client_for: Clients) -> None:
    say(pages, vault, "for others", to=pages.theirs)
    say(pages, vault, "for us")
    page = client_for(Role.RESPONDER).get("/inbox/history").text
    assert "for us" in page
    assert "for others" not in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUTHOR, Role.APPROVER, Role.STEWARD, Role.ADMIN])
def test_only_responders_read(client_for: Clients, role: Role) -> None:
    assert client_for(role).get("/inbox").status_code == 403


@pytest.mark.both_databases
def test_damaged_text_hides_no_other(pages: Pages, vault: Vault, client_for: Clients) -> None:
    damaged = say(pages, vault, "lost")
    say(pages, vault, "kept safe")
    with pages.sessions.begin() as session:
        session.get_one(Reply, damaged.id).sealed_text = b"\x01rubbish that is long enough"
    page = client_for(Role.RESPONDER).get("/inbox/history").text
    assert "kept safe" in page
    assert "This text cannot be deciphered" in page


def test_opt_outs_are_counted_by_age(pages: Pages, vault: Vault) -> None:
    say(pages, vault, "STOP")
    with pages.sessions() as session:
        for days, expected in ((0, (1, 1, 1)), (3, (0, 1, 1)), (30, (0, 0, 1))):
            counts = count_opt_outs(session, pages.ours.id, now=clock.now() + timedelta(days=days))
            assert (counts.last_day, counts.last_week, counts.ever) == expected


def test_who_said_stop_is_one_person_and_rounded(pages: Pages, vault: Vault, client_for: Clients) -> None:
    """With two phones, and twice: a stop closes each address, and what is said to others reaches everybody's."""
    number = "+48601000000"
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        an_address(session, contact, vault, number=number)
        an_address(session, contact, vault, number="+48601000001", channel=Channel.WHATSAPP)
        account = came_over(session, owners=[pages.theirs.id])
        for place, text in enumerate(("STOP", "START", "STOP")):
            said = Inbound(f"SM{place}", number, "+15005550006", text, "sms")
            receive_inbound(session, said, vault, account=account)
        assert count_opt_outs(session, pages.ours.id, now=clock.now()) == OptOuts(1, 1, 1)
    assert (
        '<span class="figure-number">fewer than 20</span>' in client_for(Role.RESPONDER).get("/inbox/history").text
    )
    exact = client_for(Role.RESPONDER, Role.STEWARD).get("/inbox/history").text
    assert '<span class="figure-number">1</span>' in exact


def test_acts_are_told_in_words(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_region(session)
        a_sender(session, organisation_id=pages.ours.id, secret_name="bot", identity="our_bot")
        for number, (happening, text) in enumerate(
            (
                (Happening.STARTED, "/start"),
                (Happening.PRESSED_BUTTON, "More \u202e"),
                (Happening.SHARED_LOCATION, ""),
                (Happening.SHARED_LOCATION, ""),
                (Happening.BLOCKED, ""),
                (Happening.UNBLOCKED, ""),
            )
        ):
            act = on_telegram(happening, str(number), text=text, location=(49.78, 22.78))
            receive(session, vault, act, account=our_bot(session, pages))
    page = client_for(Role.RESPONDER).get("/inbox/history").text
    for told in (
        "Joined",
        "Pressed Start.",
        "Pressed a button:",
        "More ⟦RLO⟧",
        "Shared where they are: Podkarpackie.",
        "Shared where they were.",
        "Blocked our bot in the app",
        "No longer blocks us.",
        "Telegram",
    ):
        assert told in page, told
    assert "49.7" not in page


def test_place_of_a_stranger_is_not_told(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, secret_name="bot", identity="our_bot")
        shared = on_telegram(Happening.SHARED_LOCATION, location=(49.78, 22.78))
        receive(session, vault, shared, account=our_bot(session, pages))
    page = client_for(Role.RESPONDER).get("/inbox/history").text
    assert "Shared where they were." in page
    assert "49.7" not in page


def test_administrators_see_what_was_refused(pages: Pages, client_for: Clients) -> None:
    pages.client().post("/hooks/twilio/inbound", data={"Body": "STOP"})
    page = client_for(Role.ADMIN).get("/inbox/refused").text
    assert "Not signed by the provider" in page
    assert "/inbox/refused" in client_for(Role.ADMIN).get("/settings").text
