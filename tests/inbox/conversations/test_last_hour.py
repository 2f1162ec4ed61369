"""Around the end of WhatsApp's 24 hours: no free text leaves after it, and none is shown as sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.fence import Fence, FenceRefusedError
from campaigns.delivery.engine.ports import Ask, Claimed
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.inbox.conversations.models import Answer, Conversation
from campaigns.planning.models import Sender
from campaigns.staff.models import Organisation, Role
from tests.factories import a_sender, a_service
from tests.inbox.builders import OURS
from tests.inbox.conversations.test_pages import fields_of, hear
from tests.moments import standing_at
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
WORDS = "At the station, platform 4."
#: Seconds after the 24th hour, and whether somebody may still be answered.
AROUND = pytest.mark.parametrize(("seconds", "may_leave"), [(-1, True), (0, False), (1, False)])

pytestmark = pytest.mark.both_databases


@pytest.fixture
def end(pages: Pages, vault: Vault) -> datetime:
    """When the 24 hours of the only conversation end, which began with a question over WhatsApp."""
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, channel=Channel.WHATSAPP, identity=OURS)
    hear(pages, vault, "Where can we sleep?", channel="whatsapp")
    with pages.sessions() as session:
        heard_at = session.scalars(select(Address.heard_at)).one()
        assert heard_at is not None
        return heard_at + timedelta(hours=24)


def conversation_of(pages: Pages) -> int:
    with pages.sessions() as session:
        return session.scalars(select(Conversation.id)).one()


def claim(pages: Pages, vault: Vault, run_id: int) -> list[Claimed]:
    with pages.sessions() as session:
        sender_id = session.scalars(select(Sender.id)).one()
    ask = Ask(Line(sender_id, Channel.WHATSAPP), run_id, after=0, limit=5, is_answer=True)
    return list(DatabaseStore(pages.sessions, vault).exchange((), ask).claimed)


def answer_before(pages: Pages, end: datetime, client: FlaskClient) -> int:
    """Answer ten seconds before the end, and return the run."""
    which = conversation_of(pages)
    with standing_at(end - timedelta(seconds=10)):
        seen = fields_of(client.get(f"/inbox/{which}").text)
        assert client.post(f"/inbox/{which}/answer", data={"words": WORDS} | seen).status_code == 302
    with pages.sessions() as session:
        return session.scalars(select(Answer.run_id).where(Answer.run_id.is_not(None))).one() or 0


@pytest.mark.one_database
@AROUND
def test_page_and_server_agree(
    pages: Pages, end: datetime, client_for: Clients, seconds: int, may_leave: bool
) -> None:
    which, client = conversation_of(pages), client_for(Role.RESPONDER)
    with standing_at(end + timedelta(seconds=seconds)):
        page = client.get(f"/inbox/{which}").text
        assert ("Send the answer" in page) is may_leave
        answered = client.post(f"/inbox/{which}/answer", data={"words": WORDS} | fields_of(page))
        assert answered.status_code == (302 if may_leave else 422)
        assert may_leave or WORDS in answered.text
        thread = client.get(f"/inbox/{which}").text
    assert ("is-ours" in thread) is may_leave
    with pages.sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == may_leave


@AROUND
def test_answer_that_waited_is_claimed_in_time_or_never(
    pages: Pages, end: datetime, client_for: Clients, vault: Vault, seconds: int, may_leave: bool
) -> None:
    client = client_for(Role.RESPONDER)
    run_id = answer_before(pages, end, client)
    with standing_at(end + timedelta(seconds=seconds)):
        assert len(claim(pages, vault, run_id)) == may_leave
        thread = client.get(f"/inbox/{conversation_of(pages)}").text
    with pages.sessions() as session:
        state = session.scalars(select(Delivery.send_state)).one()
    assert state == (SendState.SENDING if may_leave else SendState.EXPIRED)
    assert ("Expired" in thread) is not may_leave


@pytest.mark.one_database
@AROUND
def test_answer_that_was_claimed_is_called_in_time_or_never(
    pages: Pages, end: datetime, client_for: Clients, vault: Vault, seconds: int, may_leave: bool
) -> None:
    run_id = answer_before(pages, end, client_for(Role.RESPONDER))
    with standing_at(end - timedelta(seconds=5)):
        [claimed] = claim(pages, vault, run_id)
        fence = Fence(lambda: 0.0)
        fence.refresh(DatabaseStore(pages.sessions, vault).snapshot(), asked_at=0.0)
    with standing_at(end + timedelta(seconds=seconds)):
        if may_leave:
            fence.check(claimed)
        else:
            with pytest.raises(FenceRefusedError):
                fence.check(claimed)


@pytest.mark.one_database
@pytest.mark.parametrize("became", ["fresh", "stale", "dead"])
def test_kept_answer_is_offered_when_they_write_and_refused_with_a_number_that_went_stale(
    pages: Pages, end: datetime, client_for: Clients, vault: Vault, became: str
) -> None:
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        service = a_service(session, ours, country="UA", verified_on=clock.now().date())
        service_id, words = service.id, f"{service.name}: {service.number_national}"
    which, client = conversation_of(pages), client_for(Role.RESPONDER)
    later = end + timedelta(hours=1)
    with standing_at(later):
        client.post(f"/inbox/{which}/draft", data={"words": words})
        hear(pages, vault, "1", channel="whatsapp")
        verified_on = {"stale": later.date() - timedelta(days=400), "dead": None}.get(became, later.date())
        with pages.sessions.begin() as session:
            # When it came is the clock of the database's writer.
            session.execute(update(Address).values(heard_at=later))
            session.execute(update(Service).where(Service.id == service_id).values(verified_on=verified_on))
        page = client.get(f"/inbox/{which}").text
        assert "You kept this answer." in page
        assert words in page
        sent = client.post(f"/inbox/{which}/answer", data={"words": words} | fields_of(page))
    assert sent.status_code == (302 if became == "fresh" else 422)
    with pages.sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == (became == "fresh")
    if became != "fresh":
        assert "may not be named now" in sent.text
        assert words in sent.text
