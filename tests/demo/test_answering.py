"""The demo answers whoever can be answered, and no others."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.demo import scenario
from campaigns.demo.answering import may_be_answered
from campaigns.inbox.conversations.models import Conversation
from tests.factories import a_sender, an_organisation
from tests.inbox.builders import OURS, write


def test_whose_number_died_since_they_asked_is_left_out(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    a_sender(session, identity=OURS, organisation_id=organisation.id)
    write(session, vault, organisation.id, "Where can we sleep?", options={})
    session.flush()
    conversation = session.scalars(select(Conversation)).one()
    assert may_be_answered(session, conversation)
    session.scalars(select(Address)).one().state = AddressState.INVALID
    session.flush()
    assert not may_be_answered(session, conversation)


def test_whose_language_is_not_known_is_answered_in_that_of_the_demo() -> None:
    assert all(scenario.member_answers()[scenario.BASE_LANGUAGE].values())
