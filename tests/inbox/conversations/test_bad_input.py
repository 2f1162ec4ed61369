"""Whatever people or machines write, nothing breaks, nothing is lost, and nobody is opted in or out by mistake."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.queries import Wanted, select_queue
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Role
from tests.inbox.builders import came_over
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
OURS = "+48500100100"
HOSTILE = {
    "marks": "e" + "\u0301" * 10_000,
    "nul": "a\x00b\x00",
    "bidi": "\u202e\u2066gnp.exe\u2069",
    "a megabyte": "help " * 200_000,
    "markup": "<script>alert(1)</script>{{ 7*7 }}%(x)s",
    "nothing": "",
    "spaces": " \u200b\ufeff\n" * 500,
    "digits": "1234567890" * 1_000,
    "emoji": "🆘" * 2_000,
}
TEN_MEGABYTES = "help " * 2_000_000
_numbers = count(1)


def write(pages: Pages, vault: Vault, text: str, *, who: str, **facts: object) -> Reply | None:
    with pages.sessions.begin() as session:
        inbound = Inbound(f"SM{next(_numbers):032}", who, OURS, text, "sms", **facts)  # type: ignore[arg-type]
        return receive_inbound(session, inbound, vault, account=came_over(session, owners=[pages.ours.id]))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "text",
    [
        *(pytest.param(text, id=kind) for kind, text in HOSTILE.items()),
        pytest.param(TEN_MEGABYTES, id="ten megabytes", marks=pytest.mark.long),
    ],
)
def test_hostile_text_is_kept_and_shown(pages: Pages, vault: Vault, client_for: Clients, text: str) -> None:
    with pages.sessions.begin() as session:
        before = session.scalar(select(func.count(Reply.id))) or 0
    reply = write(pages, vault, text, who="+380670000001")
    assert reply is not None
    client = client_for(Role.RESPONDER)
    assert client.get("/inbox").status_code == 200
    with pages.sessions() as session:
        which = session.scalars(select(Conversation.id).where(Conversation.contact_id == reply.contact_id)).one()
        assert session.scalar(select(func.count(Reply.id))) == before + 1
        assert session.scalars(select(Address.state)).all() == [AddressState.PENDING]
    page = client.get(f"/inbox/{which}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert client.get("/inbox", query_string={"text": text[:300]}).status_code == 200


def test_doubled_and_disordered_messages_make_one_conversation(pages: Pages, vault: Vault) -> None:
    now = clock.now()
    first = Inbound("SM1", "+380670000001", OURS, "Where can we sleep?", "sms", said_at=now)
    second = Inbound("SM2", "+380670000001", OURS, "It is cold", "sms", said_at=now)
    for inbound in (second, first, second, first, first):
        with pages.sessions.begin() as session:
            receive_inbound(session, inbound, vault, account=came_over(session, owners=[pages.ours.id]))
    with pages.sessions() as session:
        assert len(session.scalars(select(Conversation)).all()) == 1
        assert session.scalar(select(func.count(Reply.id))) == 2


def test_people_without_a_number_are_in_the_history(pages: Pages, vault: Vault, client_for: Clients) -> None:
    write(pages, vault, "Your code is 1234", who="INFO")
    client = client_for(Role.RESPONDER)
    assert "Your code is 1234" in client.get("/inbox/history").text
    assert "Nobody waits for an answer." in client.get("/inbox").text


def test_one_in_danger_stands_before_many_harmless(pages: Pages, vault: Vault) -> None:
    chance, harmless = random.Random(7), ["Hello", "Thank you", "Дякую", "شكرا", "When does it open?"]
    for number in range(40):
        write(pages, vault, chance.choice(harmless), who=f"+3806700001{number:02}")
    write(pages, vault, "he took my passport and locked me in", who="+380670000099")
    with pages.sessions() as session:
        first = session.scalars(select_queue(pages.ours.id, Wanted(), by=0, now=clock.now()).limit(1)).one()
        assert first.urgency == Urgency.DANGER
