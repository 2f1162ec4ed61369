"""Whatever comes in, is planned or is called while a person is erased: nothing is lost, sent or left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Contact, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.erasing.leftovers import go_on
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.models import Reply
from tests.erasing.test_erasing import Scene, make_scene
from tests.factories import a_campaign, a_delivery, a_run

pytestmark = pytest.mark.both_databases


@pytest.fixture
def scene(sessions: sessionmaker[Session], vault: Vault) -> Scene:
    with sessions.begin() as session:
        return make_scene(session, vault)


def in_thread(sessions: sessionmaker[Session], scene: Scene, work: Callable[[Scene], object]) -> threading.Thread:
    def run() -> None:
        with sessions.begin() as session:
            facts = {**scene.__dict__, "session": session}
            work(Scene(**{name: facts[name] for name in Scene.__dataclass_fields__}))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_message_that_comes_during_an_erasure_is_a_new_persons(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    with sessions.begin() as session:
        scene.session = session
        assert scene.erase() is True
        thread = in_thread(sessions, scene, lambda other: other.hear("Where can we sleep?"))
        thread.join(0.5)
        assert thread.is_alive(), "it waits for whoever erases"
    thread.join(20)
    with sessions() as session:
        reply = session.scalars(select(Reply)).one()
        assert reply.contact_id not in (None, scene.contact.id)
        assert session.scalars(select(Conversation.contact_id)).all() == [reply.contact_id]
        assert session.scalars(select(Address.contact_id)).all() == [reply.contact_id]


def test_stop_that_comes_during_an_erasure_is_remembered(sessions: sessionmaker[Session], scene: Scene) -> None:
    with sessions.begin() as session:
        scene.session = session
        assert scene.erase() is True
        thread = in_thread(sessions, scene, lambda other: other.hear("STOP"))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(20)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(SuppressedAddress))
        assert session.scalars(select(Reply.kind)).all() == ["stop"]


def test_erasure_waits_for_nobody(
    engine: Engine, sessions: sessionmaker[Session], scene: Scene, vault: Vault
) -> None:
    """What is heard at this moment goes first, and is erased with the rest a little later."""
    if engine.dialect.name == "sqlite":
        pytest.skip("it has one writer at a time")
    with sessions.begin() as writing:
        scene.session = writing
        scene.hear("STOP")
        done: list[bool] = []
        thread = in_thread(sessions, scene, lambda other: done.append(other.erase()))
        # Its entry in the audit waits for the other's, and nothing of the other's for it.
        thread.join(1)
    thread.join(20)
    assert done == [False]
    go_on(sessions, vault)
    with sessions() as session:
        assert session.get_one(Contact, scene.contact.id).erased_at is not None
        assert session.scalars(select(Reply.contact_id)).all() == [None]
        assert session.scalar(select(func.count()).select_from(SuppressedAddress))


def test_delivery_that_was_planned_beside_an_erasure_leaves_the_queue(
    sessions: sessionmaker[Session], scene: Scene, vault: Vault
) -> None:
    with sessions.begin() as session:
        scene.session = session
        address_id = session.scalars(select(Address.id)).one()
        scene.erase()
    with sessions.begin() as session:
        late = a_run(session, a_campaign(session, scene.organisation, scene.member))
        late_id = a_delivery(session, late, contact_id=scene.contact.id, address_id=address_id).id
    go_on(sessions, vault)
    with sessions() as session:
        delivery = session.get_one(Delivery, late_id)
        assert (delivery.send_state, delivery.address_id) == (SendState.SUPPRESSED, -1)
