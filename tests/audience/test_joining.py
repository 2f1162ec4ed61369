"""Joining and stopping at the same instant: whoever said stop is never left with an address in use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent import withdraw_everywhere
from campaigns.audience.handles import Handle
from campaigns.audience.joining import KEYWORD, Joining, join
from campaigns.audience.models import Address, Channel, Consent
from campaigns.core.crypto import Vault
from tests.factories import NOON, an_organisation

NUMBER = "+380501234567"


def joining(organisation_id: int) -> Joining:
    return Joining(organisation_id, Handle(Channel.SMS, NUMBER, "UA"), KEYWORD, NOON)


def test_stop_beside_a_join_holds(sessions: sessionmaker[Session], vault: Vault) -> None:
    lookup = vault.lookup_hash(Channel.SMS, NUMBER)
    with sessions.begin() as preparing:
        organisation_id = an_organisation(preparing).id

    def join_now() -> bool:
        with sessions.begin() as session:
            return join(session, joining(organisation_id), vault=vault) is not None

    with ThreadPoolExecutor() as pool:
        with sessions.begin() as stopping:
            withdraw_everywhere(stopping, lookup, Channel.SMS, method="keyword", wording="STOP", at=NOON)
            attempt = pool.submit(join_now)
            wait([attempt], timeout=0.2)
            assert not attempt.done()
        assert attempt.result(timeout=10) is False
    with sessions() as session:
        assert session.scalars(select(Address)).all() == []


def test_two_joins_at_once_are_one_address(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as preparing:
        organisation_id = an_organisation(preparing).id

    def join_now(_: int) -> int:
        with sessions.begin() as session:
            address = join(session, joining(organisation_id), vault=vault)
            assert address is not None
            return address.id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(join_now, range(4)))) == 1
    with sessions() as session:
        assert len(session.scalars(select(Consent)).all()) == 4
