"""Joining and stopping at the same instant: what was said last counts, and nothing is left between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import Handle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.joining.join import KEYWORD, Joining, join
from campaigns.audience.models import Address, AddressState, Channel, Consent, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from tests.factories import NOON, an_organisation

NUMBER = "+380501234567"


def joining(organisation_id: int) -> Joining:
    return Joining(organisation_id, Handle(Channel.SMS, NUMBER, "UA"), KEYWORD, NOON)


def test_join_waits_for_a_stop(sessions: sessionmaker[Session], vault: Vault) -> None:
    lookup = vault.lookup_hash(Channel.SMS, NUMBER)
    with sessions.begin() as preparing:
        organisation_id = an_organisation(preparing).id

    def join_now() -> None:
        with sessions.begin() as session:
            join(session, joining(organisation_id), vault=vault)

    with ThreadPoolExecutor() as pool:
        with sessions.begin() as stopping:
            said = Declaration("keyword", "STOP", NOON)
            withdraw_everywhere(stopping, HashedHandle(lookup, Channel.SMS, vault.number_hash(NUMBER)), said)
            attempt = pool.submit(join_now)
            wait([attempt], timeout=0.2)
            assert not attempt.done()
        attempt.result(timeout=10)
    with sessions() as session:
        assert session.scalars(select(Address.state)).all() == [AddressState.ACTIVE]
        # Not on the channel from which no code came.
        assert session.scalars(select(SuppressedAddress.channel)).all() == [Channel.WHATSAPP]


def test_stop_waits_for_a_join(sessions: sessionmaker[Session], vault: Vault) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, NUMBER), vault.number_hash(NUMBER)
    with sessions.begin() as preparing:
        organisation_id = an_organisation(preparing).id

    def stop_now() -> None:
        said = Declaration("keyword", "STOP", NOON)
        with sessions.begin() as session:
            withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS, number), said)

    with ThreadPoolExecutor() as pool:
        with sessions.begin() as starting:
            join(starting, joining(organisation_id), vault=vault)
            attempt = pool.submit(stop_now)
            wait([attempt], timeout=0.2)
            assert not attempt.done()
        attempt.result(timeout=10)
    with sessions() as session:
        assert session.scalars(select(Address.state)).all() == [AddressState.OPTED_OUT]


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
