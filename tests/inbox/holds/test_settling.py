"""Members decide what people meant, with a reason that stays; only a data manager lifts a stop, and it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.ledger import grant
from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    ConsentKind,
    Contact,
    SuppressedAddress,
)
from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.holds import settling
from campaigns.inbox.holds.hold_list import find_holds, waits_now
from campaigns.inbox.models import Reply
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    an_address,
    an_organisation,
)
from tests.inbox.builders import came_over
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


NUMBER = "+380501234567"
#: Writes to us, and nobody can write to it.
SHORT_CODE = "10600"
BY = 7
Clients = Callable[..., FlaskClient]


def a_person(session: Session, vault: Vault, organisation: Organisation | None = None, **changes: Any) -> Contact:
    contact = a_contact(session, organisation or an_organisation(session))
    address = an_address(session, contact, vault, **changes)
    grant(session, address, Declaration("form", "v1", NOON))
    return contact


def states(session: Session) -> set[str]:
    session.expire_all()
    return {AddressState(state).value for state in session.scalars(select(Address.state))}


def last_line(session: Session, vault: Vault) -> tuple[str, str, str]:
    line = session.scalars(select(Consent).order_by(Consent.id.desc()).limit(1)).one()
    return str(line.kind), line.method, line.wording or open_evidence(line, vault)


def hear(session: Session, vault: Vault, text: str, provider_id: str = "SM1", *, number: str = NUMBER) -> Reply:
    message = Inbound(provider_id, number, "+15005550006", text, "sms")
    reply = receive_inbound(session, message, vault, account=came_over(session))
    assert reply is not None
    return reply


@pytest.mark.parametrize(
    ("verb", "state", "kind"),
    [
        (settling.opt_out, AddressState.OPTED_OUT, ConsentKind.WITHDRAWN),
        (settling.put_on_hold, AddressState.HELD, ConsentKind.HELD),
    ],
)
def test_member_refuses_for_a_person_everywhere(
    session: Session, vault: Vault, verb: Callable[..., int], state: str, kind: str
) -> None:
    organisation = an_organisation(session)
    contact = a_person(session, vault, organisation)
    a_person(session, vault, channel=Channel.WHATSAPP)
    run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
    waiting = a_delivery(session, run, contact_id=contact.id, address_id=contact.addresses[0].id)
    assert verb(session, contact, by=BY, reason="  asked at\nthe desk ", vault=vault) == 2
    assert states(session) == {state}
    lines = session.scalars(select(Consent).where(Consent.kind == kind)).all()
    ours, theirs = sorted(lines, key=lambda line: line.contact_id)
    assert (ours.method, open_evidence(ours, vault)) == ("member", "asked at the desk")
    assert (theirs.method, theirs.wording) == ("member", "another organisation")
    assert session.get_one(Delivery, waiting.id).send_state == SendState.SUPPRESSED
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.member_id, entry.subject_type, entry.subject_id) == (BY, "contact", contact.id)
    assert (entry.detail["addresses"], entry.detail["suppressed"]) == (2, 1)


def test_ended_hold_lets_messages_come(session: Session, vault: Vault) -> None:
    contact = a_person(session, vault)
    hear(session, vault, "leave me alone")
    assert settling.end_hold(session, contact, by=BY, reason="meant her boss", vault=vault) == 1
    assert states(session) == {AddressState.ACTIVE}
    assert last_line(session, vault) == (ConsentKind.RELEASED, "member", "meant her boss")
    with pytest.raises(TransitionError):
        settling.end_hold(session, contact, by=BY, reason="again", vault=vault)


def test_ended_hold_lifts_no_stop(session: Session, vault: Vault) -> None:
    contact = a_person(session, vault)
    hear(session, vault, "STOP")
    with pytest.raises(TransitionError):
        settling.end_hold(session, contact, by=BY, reason="surely not", vault=vault)
    with pytest.raises(TransitionError):
        settling.put_on_hold(session, contact, by=BY, reason="surely not", vault=vault)
    assert states(session) == {AddressState.OPTED_OUT}


@pytest.mark.parametrize("verb", [settling.opt_out, settling.put_on_hold, settling.end_hold])
@pytest.mark.parametrize("reason", ["", " \n", "x" * 201])
def test_every_decision_needs_a_reason(
    session: Session, vault: Vault, verb: Callable[..., int], reason: str
) -> None:
    with pytest.raises(InputError):
        verb(session, a_person(session, vault), by=BY, reason=reason, vault=vault)
    assert states(session) == {AddressState.ACTIVE}


@pytest.mark.both_databases
def test_lifted_stop_counts_for_one_organisation_and_channel(session: Session, vault: Vault) -> None:
    contact = a_person(session, vault)
    an_address(session, contact, vault, channel=Channel.WHATSAPP)
    theirs = a_person(session, vault)
    hear(session, vault, "STOP")
    assert settling.lift_stop(session, contact, Channel.SMS, by=BY, evidence="signed form 12", vault=vault) == 1
    session.expire_all()
    assert {address.channel: address.state for address in contact.addresses} == {
        "sms": AddressState.ACTIVE,
        "whatsapp": AddressState.OPTED_OUT,
    }
    assert [address.state for address in theirs.addresses] == [AddressState.OPTED_OUT]
    assert last_line(session, vault) == (ConsentKind.LIFTED, "member", "signed form 12")
    assert not session.scalars(select(SuppressedAddress.is_hold)).all().count(True)
    with pytest.raises(TransitionError):
        settling.lift_stop(session, contact, Channel.SMS, by=BY, evidence="again", vault=vault)
    with pytest.raises(InputError):
        settling.lift_stop(session, contact, Channel.WHATSAPP, by=BY, evidence=" ", vault=vault)


@pytest.mark.both_databases
@pytest.mark.parametrize("is_stop", [True, False])
def test_stranger_is_settled(session: Session, vault: Vault, is_stop: bool) -> None:
    organisation = an_organisation(session)
    reply = hear(session, vault, "wrong number", number=SHORT_CODE)
    assert [hold.contact_id for hold in find_holds(session, organisation.id, vault=vault)] == [None]
    settling.settle_stranger(session, reply, is_stop=is_stop, by=BY, reason="read it", vault=vault)
    remembered = session.scalars(select(SuppressedAddress.is_hold)).all()
    assert set(remembered) == ({False} if is_stop else set())
    assert find_holds(session, organisation.id, vault=vault) == []
    with pytest.raises(TransitionError):
        settling.settle_stranger(session, reply, is_stop=True, by=BY, reason="again", vault=vault)


def test_holds_are_listed_until_decided(session: Session, vault: Vault) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    contact, other = a_person(session, vault, ours), a_person(session, vault, theirs)
    by_hand = a_person(session, vault, ours, number="+380509999999")
    message = Inbound("SM1", NUMBER, "+15005550006", "не пишіть мені вночі", "sms")
    receive_inbound(session, message, vault, account=came_over(session, owners=[theirs.id]))
    settling.put_on_hold(session, by_hand, by=BY, reason="phone was stolen", vault=vault)
    holds = {hold.contact_id: hold for hold in find_holds(session, ours.id, vault=vault)}
    heard = [hold.reply.text for hold in (*holds.values(),) if hold.reply]
    assert (set(holds), holds[by_hand.id].reason) == ({contact.id, by_hand.id}, "phone was stolen")
    # The reply is in the inbox of one of the two; both hold the person.
    [their] = find_holds(session, theirs.id, vault=vault)
    assert their.contact_id == other.id
    assert [*heard, *([their.reply.text] if their.reply else [])] == ["не пишіть мені вночі"]
    settling.end_hold(session, other, by=BY, reason="only at night", vault=vault)
    assert [hold.contact_id for hold in find_holds(session, ours.id, vault=vault)] == [by_hand.id]


@pytest.mark.both_databases
def test_whoever_wrote_for_the_first_time_is_listed_once(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    reply = hear(session, vault, "wrong number")
    assert reply.contact_id is not None
    assert [hold.contact_id for hold in find_holds(session, organisation.id, vault=vault)] == [reply.contact_id]


@pytest.mark.both_databases
def test_holds_become_overdue_in_duty_hours(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    a_person(session, vault, organisation)
    hear(session, vault, "leave me alone")
    round_the_clock = load_settings({"FINGERPOST_DUTY_FROM": "0", "FINGERPOST_DUTY_UNTIL": "24"})

    def wait(hours: float) -> bool:
        since = clock.now() - timedelta(hours=hours)
        session.execute(update(Consent).where(Consent.kind == ConsentKind.HELD).values(recorded_at=since))
        waits = waits_now(session, organisation, round_the_clock, strangers=True)
        assert waits.people == 1
        return waits.is_overdue

    assert (wait(3.9), wait(4.1)) == (False, True)
    nobody = waits_now(session, an_organisation(session), round_the_clock, strangers=True)
    assert (nobody.people, nobody.is_overdue) == (0, False)


def test_holds_stand_on_top_of_the_inbox(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        contact = a_person(session, vault, pages.ours)
        hear(session, vault, "leave me alone")
    client = client_for(Role.RESPONDER)
    page = client.get("/inbox").text
    assert page.index("leave me alone") < page.index("Which conversations")
    answer = client.post(
        f"/audience/contacts/{contact.id}/end-hold", data={"reason": "meant him", "back": "inbox"}
    )
    assert answer.location == "/inbox"
    assert "Did they opt out?" not in client.get("/inbox").text
    with pages.sessions() as session:
        assert states(session) == {AddressState.ACTIVE}


def test_decision_without_a_reason_changes_nothing(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        contact = a_person(session, vault, pages.ours)
    client = client_for(Role.STEWARD)
    answer = client.post(f"/audience/contacts/{contact.id}/opt-out", data={"reason": ""}, follow_redirects=True)
    assert "Say in at most 200 characters why." in answer.text
    with pages.sessions() as session:
        assert states(session) == {AddressState.ACTIVE}


@pytest.mark.parametrize(("decision", "left"), [("stop", {False}), ("no", set())])
def test_stranger_is_settled_in_the_inbox(own_pages: Pages, vault: Vault, decision: str, left: set[bool]) -> None:
    pages = own_pages
    with pages.sessions.begin() as session:
        session.delete(session.get_one(Organisation, pages.theirs.id))
    with pages.sessions.begin() as session:
        reply = hear(session, vault, "wrong number", number=SHORT_CODE)
    client = pages.client(pages.member(Role.RESPONDER))
    assert "wrong number" in client.get("/inbox").text
    client.post(f"/inbox/{reply.id}/settle", data={"reason": "read it", "decision": decision})
    with pages.sessions() as session:
        assert set(session.scalars(select(SuppressedAddress.is_hold))) == left


def test_stop_is_lifted_with_password_and_evidence_and_told(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    with pages.sessions.begin() as session:
        contact = a_person(session, vault, pages.ours)
        hear(session, vault, "STOP")
    client = client_for(Role.STEWARD)
    path = f"/audience/contacts/{contact.id}/lift-stop"
    with client.session_transaction() as cookie:
        cookie["fs_paa"] = time.time() - 600
    assert "/sign-in/again" in client.post(path, data={"channel": "sms", "evidence": "form 12"}).location
    with client.session_transaction() as cookie:
        cookie["fs_paa"] = time.time()
    assert client.post(path, data={"channel": "sms", "evidence": ""}).status_code == 422
    with pages.sessions() as session:
        assert states(session) == {AddressState.OPTED_OUT}
    assert client.post(path, data={"channel": "sms", "evidence": "form 12"}).status_code == 302
    with pages.sessions() as session:
        assert states(session) == {AddressState.ACTIVE}
    assert f"An opt-out was lifted: contact {contact.id}" in client_for(Role.ADMIN).get("/").text
    assert "An opt-out was lifted" not in client_for(Role.AUTHOR).get("/").text
    assert client.get(path).location == f"/audience/contacts/{contact.id}"


@pytest.mark.parametrize("role", [Role.RESPONDER, Role.ADMIN, Role.APPROVER])
def test_only_data_managers_lift_a_stop(pages: Pages, vault: Vault, client_for: Clients, role: Role) -> None:
    with pages.sessions.begin() as session:
        contact = a_person(session, vault, pages.ours)
        hear(session, vault, "STOP")
    answer = client_for(role).post(
        f"/audience/contacts/{contact.id}/lift-stop", data={"channel": "sms", "evidence": "x"}
    )
    assert answer.status_code == 403
    with pages.sessions() as session:
        assert states(session) == {AddressState.OPTED_OUT}


def test_now_tells_who_waits_and_turns_red(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_person(session, vault, pages.ours)
        hear(session, vault, "leave me alone")
    assert "on hold: did they opt out?" not in client_for(Role.AUTHOR).get("/").text
    page = client_for(Role.RESPONDER).get("/").text
    assert "1 person is on hold: did they opt out?" in page
    with pages.sessions.begin() as session:
        session.execute(update(Consent).values(recorded_at=clock.now() - timedelta(days=2)))
    assert "Waits too long" not in page
    page = client_for(Role.STEWARD).get("/").text
    assert '<span class="badge is-bad">Waits too long</span>' in page
    assert 'href="/audience/contacts?state=held"' in page
