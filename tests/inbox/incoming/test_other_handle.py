"""What somebody said by one of their handles, before anybody knew of the other, counts for the other too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from itertools import count

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.holds import lift, release
from campaigns.audience.consent.ledger import grant
from campaigns.audience.loading.new_rows import METHOD as IMPORT
from campaigns.audience.models import Address, AddressState, Channel, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import AuditEntry
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, an_address, an_organisation
from tests.inbox.builders import came_over, receive

PHONE, ID = "+380671234567", "UA.8f2c1d"
ACTIVE, OUT, HELD = AddressState.ACTIVE, AddressState.OPTED_OUT, AddressState.HELD
#: Words that may be a stop.
DOUBTFUL = "стоп поїзд"
_numbers = count(1)


class Woman:
    """Somebody whom an organisation knows by SMS, by WhatsApp, and by an id of WhatsApp's, as three contacts."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self.session, self.vault, self.organisation = session, vault, an_organisation(session)
        self.sms = self._known(PHONE, Channel.SMS)
        self.whatsapp = self._known(PHONE, Channel.WHATSAPP)
        self.id = self._known(ID, Channel.WHATSAPP)

    def _known(self, handle: str, channel: Channel) -> Address:
        contact = a_contact(self.session, self.organisation)
        return an_address(self.session, contact, self.vault, number=handle, channel=channel)

    def texts(self, text: str) -> Reply:
        return self._writes(_inbound(text, PHONE, "sms"))

    def hides(self, text: str) -> Reply:
        """Write by WhatsApp, which shows no number."""
        return self._writes(_inbound(text, ID, "whatsapp"))

    def shows(self, text: str) -> Reply:
        """Write by WhatsApp, which shows the number and the id."""
        return self._writes(_inbound(text, PHONE, "whatsapp", other_handle=ID))

    def _writes(self, inbound: Inbound) -> Reply:
        return receive(self.session, self.vault, inbound, account=came_over(self.session))

    @property
    def states(self) -> tuple[AddressState, AddressState, AddressState]:
        """By SMS, by WhatsApp with the number, and by its id."""
        return self.sms.state, self.whatsapp.state, self.id.state

    @property
    def marks(self) -> set[tuple[bytes, str]]:
        return {(row.lookup, row.channel) for row in self.session.scalars(select(SuppressedAddress))}


def _inbound(text: str, handle: str, channel: str, *, other_handle: str = "") -> Inbound:
    return Inbound(f"SM{next(_numbers)}", handle, "+4471", text, channel, other_handle=other_handle)


@pytest.fixture
def woman(session: Session, vault: Vault) -> Woman:
    return Woman(session, vault)


@pytest.mark.parametrize(("text", "state"), [("STOP", OUT), (DOUBTFUL, HELD)])
def test_stop_of_a_phone_counts_for_the_id_once_it_is_shown(woman: Woman, text: str, state: AddressState) -> None:
    member = a_member(woman.session, woman.organisation)
    run = a_run(woman.session, a_campaign(woman.session, woman.organisation, member))
    waiting = a_delivery(woman.session, run, contact_id=woman.id.contact_id, address_id=woman.id.id)
    woman.texts(text)
    assert woman.states == (state, state, ACTIVE)
    woman.shows("Hello")
    assert woman.states == (state, state, state)
    assert waiting.send_state == SendState.SUPPRESSED
    assert (woman.id.lookup, Channel.WHATSAPP) in woman.marks


@pytest.mark.parametrize(("text", "state"), [("STOP", OUT), (DOUBTFUL, HELD)])
def test_stop_of_an_id_counts_for_the_phone_once_it_is_shown(woman: Woman, text: str, state: AddressState) -> None:
    woman.hides(text)
    assert woman.states == (ACTIVE, ACTIVE, state)
    woman.shows("Hello")
    assert woman.states == (state, state, state)


def test_doubtful_words_that_show_both_handles_weaken_no_stop(woman: Woman) -> None:
    woman.texts("STOP")
    woman.shows(DOUBTFUL)
    assert woman.states == (OUT, OUT, OUT)


def test_stop_of_nobodys_phone_counts_for_the_id_once_it_is_shown(session: Session, vault: Vault) -> None:
    address = an_address(
        session, a_contact(session, an_organisation(session)), vault, number=ID, channel=Channel.WHATSAPP
    )
    for inbound in (_inbound("STOP", PHONE, "sms"), _inbound("Hi", PHONE, "whatsapp", other_handle=ID)):
        receive(session, vault, inbound, account=came_over(session))
    assert address.state == OUT


def test_start_of_an_id_since_a_stop_by_sms_stands(woman: Woman) -> None:
    """It counts for whatever they have on WhatsApp, and there alone."""
    woman.texts("STOP")
    woman.hides("START")
    before = woman.marks
    woman.shows("Hello")
    assert (woman.sms.state, woman.id.state) == (OUT, ACTIVE)
    assert woman.marks == before
    woman.texts("STOP")
    assert woman.states == (OUT, OUT, OUT)


def test_stop_since_a_start_counts_though_one_before_it_is_remembered(woman: Woman) -> None:
    woman.texts("STOP")
    woman.hides("START")
    woman.texts("STOP")
    woman.shows("Hello")
    assert woman.states == (OUT, OUT, OUT)


def test_start_by_sms_since_a_stop_of_an_id_stands_by_sms_alone(woman: Woman) -> None:
    woman.hides("STOP")
    woman.texts("START")
    woman.shows("Hello")
    assert woman.states == (ACTIVE, OUT, OUT)
    assert (woman.sms.number, Channel.SMS) not in woman.marks
    assert (woman.sms.number, Channel.WHATSAPP) in woman.marks


def test_start_that_nothing_proves_does_not_stand(woman: Woman) -> None:
    woman.hides("STOP")
    posted = _inbound("START", PHONE, "sms")
    account = came_over(woman.session, "africastalking", is_signed=False)
    receive(woman.session, woman.vault, posted, account=account)
    woman.shows("Hello")
    assert woman.states == (OUT, OUT, OUT)


def test_file_of_contacts_since_a_stop_lets_nothing_stand(woman: Woman) -> None:
    woman.texts("STOP")
    grant(woman.session, woman.id, Declaration(IMPORT, "", clock.now()))
    woman.shows("Hello")
    assert woman.id.state == OUT


def test_stop_that_a_member_lifted_stays_lifted(woman: Woman) -> None:
    woman.texts("STOP")
    lift(woman.session, [woman.sms], Declaration("member", "", clock.now()))
    woman.shows("Hello")
    assert woman.states == (ACTIVE, OUT, OUT)


def test_hold_that_a_member_ended_holds_nobody(woman: Woman) -> None:
    woman.texts(DOUBTFUL)
    release(woman.session, [woman.sms.number or b""], [], Declaration("member", "", clock.now()))
    woman.shows("Hello")
    assert HELD not in woman.states


def test_start_that_shows_both_handles_lifts_no_stop_by_sms(woman: Woman) -> None:
    woman.hides("STOP")
    woman.shows("START")
    assert woman.states == (OUT, ACTIVE, ACTIVE)


def test_message_that_makes_a_stop_count_leaves_one_entry(woman: Woman) -> None:
    woman.texts("STOP")
    before = _entries(woman.session)
    woman.shows("Hello")
    woman.shows("Hello again")
    (entry,) = _entries(woman.session)[len(before) :]
    assert (entry.action, entry.detail["addresses"]) == ("reply.text", 1)


def test_both_handles_of_somebody_who_never_said_stop_close_nothing(woman: Woman) -> None:
    woman.shows("Hello")
    assert woman.states == (ACTIVE, ACTIVE, ACTIVE)
    assert not woman.marks
    assert not _entries(woman.session)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("is_stop_first", [True, False])
def test_stop_beside_the_first_message_that_shows_both_handles_counts(
    sessions: sessionmaker[Session], vault: Vault, is_stop_first: bool
) -> None:
    """Whichever of them is kept first: the other one waits for it, and sees it then."""
    with sessions.begin() as session:
        woman = Woman(session, vault)
        theirs = [woman.sms.id, woman.whatsapp.id, woman.id.id]
        account = came_over(session)
    said = [_inbound("STOP", PHONE, "sms"), _inbound("Hello", PHONE, "whatsapp", other_handle=ID)]
    first, second = said if is_stop_first else reversed(said)

    def hear(inbound: Inbound) -> None:
        with sessions.begin() as session:
            receive_inbound(session, inbound, vault, account=account)

    with ThreadPoolExecutor(1) as thread:
        with sessions.begin() as session:
            receive_inbound(session, first, vault, account=account)
            other = thread.submit(hear, second)
            wait([other], timeout=0.5)
            assert not other.done()
        other.result(timeout=30)
    with sessions() as session:
        states = session.scalars(select(Address.state).where(Address.id.in_(theirs)))
        assert set(states) == {OUT}


def _entries(session: Session) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
