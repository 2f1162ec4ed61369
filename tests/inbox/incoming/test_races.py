"""What is posted and listed at the same moment is kept once and done once, and none of both fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Consent, ConsentKind
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.planning.policy import USUAL
from tests.inbox.automatic.person import a_person
from tests.inbox.builders import OURS, THEM

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("text", ["STOP", "INFO", "START", "HELP"])
def test_what_is_posted_and_listed_at_once_is_done_once(
    sessions: sessionmaker[Session], vault: Vault, text: str
) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault)
        account = Account("twilio", "AC0", (), frozenset({person.organisation.id}))
        person.writes("Hello")
        before = len(person.reads())
    together = Barrier(3)
    # The list tells whole seconds.
    listed_at = clock.now().replace(microsecond=0) - timedelta(seconds=1)

    def hear(is_listed: bool) -> bool:
        together.wait()
        with sessions.begin() as session:
            inbound = Inbound("SM-once", THEM, OURS, text, "sms")
            options = {"received_at": listed_at} if is_listed else {"policy": USUAL}
            return receive_inbound(session, inbound, vault, account=account, **options) is not None

    with ThreadPoolExecutor(3) as threads:
        kept = list(threads.map(hear, (True, False, False)))
    assert sorted(kept) == [False, False, True]
    with sessions() as session:
        assert session.scalar(select(func.count(Reply.id))) == 2
        assert session.scalar(select(func.count(Delivery.id))) in (before, before + 1)
        withdrawn = session.scalar(select(func.count(Consent.id)).where(Consent.kind == ConsentKind.WITHDRAWN))
        assert withdrawn == (text == "STOP")
        if text == "STOP":
            assert session.scalars(select(Address.state)).all() == [AddressState.OPTED_OUT]
