"""A stop that a member hears in a voice note counts as if it had been written, wherever its person is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Channel, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound, InboundMedia, MediaKind
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.media.models import Media
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, an_address
from tests.inbox.builders import OURS, THEM, came_over
from tests.web.pages import Pages

pytestmark = pytest.mark.both_databases

Clients = Callable[..., FlaskClient]
DOUBTFUL = "Please stop sending me messages"
_numbers = count(1)


def know(pages: Pages, vault: Vault, *states: AddressState, language: str = "en") -> None:
    """Let us know somebody, and then others too, each in a state of their own."""
    with pages.sessions.begin() as session:
        for organisation, state in zip((pages.ours, pages.theirs), states, strict=False):
            contact = a_contact(session, organisation, language=language)
            an_address(session, contact, vault, number=THEM, state=state)


def receive(session: Session, pages: Pages, vault: Vault, text: str, *media: InboundMedia) -> Reply:
    inbound = Inbound(f"MM{next(_numbers):032}", THEM, OURS, text, "sms", media=media)
    reply = receive_inbound(session, inbound, vault, account=came_over(session, owners=[pages.ours.id]))
    assert reply is not None
    return reply


def write(pages: Pages, vault: Vault, client: FlaskClient, words: str) -> None:
    with pages.sessions.begin() as session:
        receive(session, pages, vault, words)


def say(pages: Pages, vault: Vault, client: FlaskClient, words: str, *, caption: str = "") -> int:
    """Let them say something in a voice note, and a member write it down; return the id of the reply."""
    with pages.sessions.begin() as session:
        voice = InboundMedia(MediaKind.VOICE, f"MM{'1' * 32}/ME{'1' * 32}", 7)
        which = receive(session, pages, vault, caption, voice).id
        media_id = session.scalars(select(Media.id).where(Media.reply_id == which)).one()
    client.post(f"/inbox/media/{media_id}/words", data={"words": words})
    return which


def states(session: Session) -> Sequence[AddressState]:
    return [AddressState(state) for state in session.scalars(select(Address.state).order_by(Address.id))]


def marks(session: Session) -> set[tuple[str, bool]]:
    return {(mark.channel, mark.is_hold) for mark in session.scalars(select(SuppressedAddress))}


REMEMBERED = {(Channel.SMS, True), (Channel.WHATSAPP, True)}
PENDING, ACTIVE, HELD, OUT = (
    *(AddressState.PENDING, AddressState.ACTIVE),
    *(AddressState.HELD, AddressState.OPTED_OUT),
)


@pytest.mark.parametrize("tell", [write, say], ids=["written", "said"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([PENDING], [HELD]),
        ([PENDING, ACTIVE], [HELD, HELD]),
        # A stop that a member lifted with others does not count there.
        ([OUT, ACTIVE], [OUT, HELD]),
        ([AddressState.INVALID, ACTIVE], [HELD, HELD]),
    ],
)
def test_stop_that_was_said_counts_as_if_it_had_been_written(
    pages: Pages,
    vault: Vault,
    client_for: Clients,
    tell: Callable[..., object],
    before: list[AddressState],
    after: list[AddressState],
) -> None:
    know(pages, vault, *before)
    tell(pages, vault, client_for(Role.RESPONDER), DOUBTFUL)
    with pages.sessions() as session:
        assert states(session) == after
        assert marks(session) == REMEMBERED


def test_campaigns_of_others_do_not_go_on_writing(pages: Pages, vault: Vault, client_for: Clients) -> None:
    know(pages, vault, PENDING, ACTIVE)
    with pages.sessions.begin() as session:
        address = session.scalars(select(Address).where(Address.organisation_id == pages.theirs.id)).one()
        run = a_run(session, a_campaign(session, pages.theirs, a_member(session, pages.theirs)))
        a_delivery(session, run, contact_id=address.contact_id, address_id=address.id)
    say(pages, vault, client_for(Role.RESPONDER), DOUBTFUL)
    with pages.sessions() as session:
        assert session.scalars(select(Delivery.send_state)).all() == [SendState.SUPPRESSED]


@pytest.mark.one_database
def test_who_never_agreed_is_answered_once_a_member_has_decided(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    client = client_for(Role.RESPONDER)
    say(pages, vault, client, "Stop, he is beating me")
    with pages.sessions() as session:
        which, contact_id = session.execute(select(Conversation.id, Conversation.contact_id)).one()
    assert "Decide that first" in client.get(f"/inbox/{which}").text
    client.post(f"/audience/contacts/{contact_id}/end-hold", data={"reason": "She meant him."})
    with pages.sessions() as session:
        assert (states(session), marks(session)) == ([PENDING], set())


@pytest.mark.parametrize("state", [HELD, OUT])
@pytest.mark.one_database
def test_nothing_is_done_again_where_all_was_done(
    pages: Pages, vault: Vault, client_for: Clients, state: AddressState
) -> None:
    know(pages, vault, state, state)
    say(pages, vault, client_for(Role.RESPONDER), DOUBTFUL)
    with pages.sessions() as session:
        assert states(session) == [state, state]
        assert session.scalars(select(AuditEntry.action)).all() == ["media.transcribe"]


@pytest.mark.one_database
def test_stop_of_one_language_is_heard_of_whom_others_know_by_it(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    with pages.sessions.begin() as session:
        an_address(session, a_contact(session, pages.theirs, language="fr"), vault, number=THEM)
    say(pages, vault, client_for(Role.RESPONDER), "TD")
    with pages.sessions() as session:
        assert states(session) == [HELD, HELD]


@pytest.mark.one_database
def test_stop_is_heard_where_nothing_waits_in_a_conversation(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    know(pages, vault, PENDING, ACTIVE)
    say(pages, vault, client_for(Role.RESPONDER), DOUBTFUL, caption="START")
    with pages.sessions() as session:
        assert session.scalars(select(Conversation)).all() == []
        assert states(session) == [HELD, HELD]


@pytest.mark.one_database
def test_stop_of_a_stranger_waits_for_a_decision(pages: Pages, vault: Vault, client_for: Clients) -> None:
    """Whoever starts unknown is a contact by that, as whoever writes anything else is."""
    say(pages, vault, client_for(Role.RESPONDER), DOUBTFUL, caption="START")
    with pages.sessions() as session:
        assert (states(session), marks(session)) == ([HELD], REMEMBERED)


@pytest.mark.one_database
def test_doubt_takes_no_stop_of_a_stranger_back(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which = say(pages, vault, client_for(Role.RESPONDER), DOUBTFUL, caption="STOP")
    with pages.sessions() as session:
        assert session.get_one(Reply, which).kind == ReplyKind.STOP
        assert marks(session) == {(channel, False) for channel, _ in REMEMBERED}
