"""Two contacts of one phone are one person in figures of several organisations, and of one of them only theirs."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.reach.counting.same_person import select_same_person
from tests.factories import NOON, a_contact, add, an_address, an_organisation

pytestmark = pytest.mark.both_databases

ONE, ID = "+380670000001", "UA.8f2c1d"


@pytest.mark.parametrize(("is_paired", "people"), [(True, 1), (False, 2)])
def test_number_and_what_whatsapp_calls_it_are_of_one_person(
    session: Session, vault: Vault, is_paired: bool, people: int
) -> None:
    owners = [an_organisation(session) for _ in range(3)]
    handles = ((Channel.SMS, ONE), (Channel.WHATSAPP, ID), (Channel.SMS, "+380670000002"))
    for owner, (channel, handle) in zip(owners, handles, strict=True):
        an_address(session, a_contact(session, owner), vault, channel=channel, number=handle)
    if is_paired:
        number = vault.number_hash(ONE)
        add(session, PairedHandle(lookup=vault.lookup_hash(Channel.WHATSAPP, ID), number=number, shown_at=NOON))
    same = select_same_person([owner.id for owner in owners[:2]])
    found = session.execute(select(same.c.contact_id, same.c.lookup)).all()
    assert (len(found), len({row.lookup for row in found})) == (2, people)
    everybody = select_same_person()
    assert len(session.execute(select(everybody.c.contact_id)).all()) == 3
