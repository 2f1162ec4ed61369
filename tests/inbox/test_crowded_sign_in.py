"""While many sign in at once, a stop is obeyed and the instance says that it is well."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.staff.sign_in import password_checks
from campaigns.staff.sign_in.turns import MOST_WAITING, Turns
from tests.factories import a_contact, an_address
from tests.inbox.test_public import FROM, PUBLIC_URL, TOKEN, post
from tests.web.pages import Pages, make_pages

CROWD = 64


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}") as pages:
        yield pages


@pytest.mark.both_databases
def test_stop_is_obeyed_while_every_turn_is_taken(
    pages: Pages, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing stands still here: whatever a sign-in held, the writer's lock or a connection, would show."""
    with pages.sessions.begin() as session:
        address_id = an_address(session, a_contact(session, pages.ours), vault, number=FROM).id
    is_over, turned_away = threading.Event(), threading.Semaphore(0)

    def compare(hashed: str, password: str) -> None:
        is_over.wait(60)

    def sign_in(number: int) -> int:
        status = (
            pages.client()
            .post(
                "/sign-in",
                data={"email": f"m{number}@example.org", "password": "four other long words"},
                environ_overrides={"REMOTE_ADDR": f"203.0.{number}.7"},
            )
            .status_code
        )
        turned_away.release()
        return status

    monkeypatch.setattr(password_checks, "renewed_hash", compare)
    monkeypatch.setattr(password_checks, "STRANGERS", Turns(2))
    with ThreadPoolExecutor(CROWD) as pool:
        crowd = [pool.submit(sign_in, number) for number in range(CROWD)]
        try:
            for _ in range(CROWD - 2 - MOST_WAITING):
                assert turned_away.acquire(timeout=60)
            assert post(pages, "STOP").status_code == 200
            assert pages.client().get("/health").status_code == 200
            with pages.sessions() as session:
                assert (
                    session.scalar(select(Address.state).where(Address.id == address_id)) == AddressState.OPTED_OUT
                )
        finally:
            is_over.set()
        statuses = Counter(each.result() for each in crowd)
    # Those who waited too long meanwhile were told to come again as well.
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 2
