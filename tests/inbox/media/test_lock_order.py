"""Who writes down what they heard locks people first, then what is theirs, and the audit last, as everybody does.

PostgreSQL would end one of two who wait for each other: an import of thousands for one note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.ledger import hold_withdrawals
from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.media.service import remove_from_closed
from campaigns.staff import audit
from campaigns.staff.models import Organisation, Role
from tests.inbox.media.files import ogg
from tests.inbox.media.test_pages import VOICE, hear
from tests.postgres import is_waited_for
from tests.web.pages import Pages

pytestmark = [pytest.mark.both_databases, pytest.mark.parametrize("engine", ["postgres"], indirect=True)]

Clients = Callable[..., FlaskClient]
URGENT_STOP = "Stop, he is beating me"


def import_people(session: Session, pages: Pages) -> Iterator[None]:
    """Do what the end of an import does: nobody says stop beside it, then it is recorded."""
    hold_withdrawals(session)
    yield
    ours = session.get_one(Organisation, pages.ours.id)
    audit.record(session, "contacts.import", subject=ours, organisation_id=ours.id)


def close(session: Session, pages: Pages) -> Iterator[None]:
    """Do what closing a conversation does: it is locked, then its files are removed."""
    conversation = session.scalars(select(Conversation).with_for_update()).one()
    yield
    remove_from_closed(session, [conversation.contact_id], organisation_id=pages.ours.id)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Note the statements of every connection meanwhile."""
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        is_chain = isinstance(parameters, dict) and parameters.get("key") == audit.CHAIN_LOCK
        statements.append("chain" if is_chain else " ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("act", "state", "kept"),
    [(import_people, AddressState.HELD, MediaState.KEPT), (close, AddressState.PENDING, MediaState.REMOVED)],
)
def test_others_go_on_while_a_note_waits_for_them(
    pages: Pages,
    vault: Vault,
    client_for: Clients,
    act: Callable[[Session, Pages], Iterator[None]],
    state: AddressState,
    kept: MediaState,
) -> None:
    _, media_id = hear(pages, vault, VOICE, content=ogg())
    client, data = client_for(Role.RESPONDER), {"words": URGENT_STOP}
    with ThreadPoolExecutor(1) as threads, pages.sessions.begin() as session:
        acting = act(session, pages)
        next(acting)
        written = threads.submit(client.post, f"/inbox/media/{media_id}/words", data=data)
        assert is_waited_for(pages.sessions)
        assert list(acting) == []
        session.commit()
        assert written.result().status_code == 302
    with pages.sessions() as session:
        assert session.scalars(select(Address.state)).all() == [state]
        assert session.get_one(Media, media_id).state == kept


def test_nothing_of_a_person_is_locked_once_the_chain_is(pages: Pages, vault: Vault, client_for: Clients) -> None:
    _, media_id = hear(pages, vault, VOICE, content=ogg())
    client = client_for(Role.RESPONDER)
    with noted() as statements:
        client.post(f"/inbox/media/{media_id}/words", data={"words": URGENT_STOP})
    before, after = statements[: statements.index("chain")], statements[statements.index("chain") :]
    taken = [which for each in before if (which := re.search(r" FROM (\w+).* FOR UPDATE", each))]
    assert list(dict.fromkeys(which[1] for which in taken)) == ["address", "conversation", "media"]
    changed = {which[2] for each in after if (which := re.match(r"(INSERT INTO|UPDATE|DELETE FROM) (\w+)", each))}
    assert changed <= {"audit_entry", "audit_note", "media"}
    assert not [each for each in after if "FOR UPDATE" in each]
