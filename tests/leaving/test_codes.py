"""Whoever cannot answer types a number: known or not, it is answered alike, and a code proves whose it is."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from statistics import median
from time import process_time

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from campaigns.audience.models import Address, AddressState, Channel, Contact, Erasure, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.leaving import request_limits, service
from campaigns.leaving.code_sending import KEPT_FOR, LIVES, forget_requests, send_codes
from campaigns.leaving.leave_codes import DIGITS, MOST_TRIES, code_of, hash_of_ticket
from campaigns.leaving.models import LeaveRequest
from campaigns.leaving.service import LEAVE
from campaigns.planning.models import Sender
from campaigns.staff.models import AuditEntry
from campaigns.web.current import settings
from tests.factories import a_contact, a_sender, an_address
from tests.inbox.unnamed.test_whole_way import shown_fields, without_stamps
from tests.moments import standing_at
from tests.web.pages import Pages

NUMBER, UNKNOWN, WRONG = "+380501234567", "+380509999999", "+3805"
#: One after another, in Persian digits.
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


@pytest.fixture
def address(pages: Pages, vault: Vault) -> Address:
    """Somebody who gets texts from a name that nobody can answer."""
    with pages.sessions.begin() as session:
        a_sender(session, identity="NGOINFO", two_way=False, countries=["UA"], organisation_id=pages.ours.id)
        return an_address(session, a_contact(session, pages.ours), vault, number=NUMBER)


def ask(
    people: FlaskClient, number: str = NUMBER, page: str = "/en/e", network: str = "127.0.0.1"
) -> TestResponse:
    shown = shown_fields(people.get(page).text)
    return people.post(page, data=shown | {"number": number}, environ_base={"REMOTE_ADDR": network})


def sent_codes(pages: Pages, vault: Vault, *, cents: int = 500, owners: str = "ours") -> list[str]:
    """Let a worker look, and return every code that was sent so far; `owners` may use the account at Twilio."""
    with pages.app.app_context():
        ours = settings()
    changed = replace(ours, leave_codes_cents_a_day=cents, owners={"TWILIO": owners})
    send_codes(pages.sessions, vault, changed)
    with pages.sessions() as session:
        texts = session.scalars(
            select(RunText).join(Delivery, Delivery.text_id == RunText.id).order_by(RunText.id)
        )
        bodies = [open_body(each.body, each.sealed_body, each.id, vault) or "" for each in texts]
    return [code for body in bodies for code in re.findall(rf"\b\d{{{DIGITS}}}\b", body)]


def type_in(people: FlaskClient, form: TestResponse, code: str, **fields: str) -> TestResponse:
    return people.post("/en/e", data=shown_fields(form.text) | {"code": code} | fields)


def state_of(pages: Pages, address: Address) -> AddressState:
    with pages.sessions() as session:
        return AddressState(session.get_one(Address, address.id).state)


@pytest.mark.both_databases
def test_code_ends_the_messages_to_a_number(pages: Pages, vault: Vault, address: Address) -> None:
    people = pages.client()
    form = ask(people, "0 50/123-45-67".translate(PERSIAN), "/en/ua/e")
    assert 'href="/en/ua/e"' in form.text
    [code] = sent_codes(pages, vault)
    assert state_of(pages, address) == AddressState.ACTIVE
    done = type_in(people, form, "-".join(code.translate(PERSIAN)))
    assert (done.status_code, "We send nothing more" in done.text) == (200, True)
    assert "Set-Cookie" not in done.headers
    assert state_of(pages, address) == AddressState.OPTED_OUT
    with pages.sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == LEAVE)).one()
        assert (entry.subject_type, entry.member_id) == ("organisation", None)
    # It holds once.
    assert type_in(people, form, code).status_code == 422


@pytest.mark.both_databases
def test_code_goes_over_whichever_organisation_can_send_it(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        for organisation in (pages.theirs, pages.ours):
            an_address(session, a_contact(session, organisation), vault, number=NUMBER)
        a_sender(session, identity="NGOINFO", two_way=False, countries=["UA"], organisation_id=pages.ours.id)
    ask(pages.client())
    assert len(sent_codes(pages, vault)) == 1


@pytest.mark.parametrize("typed", ["00380501234567".translate(PERSIAN), "\uff0b380 50 123 45 67"])
def test_number_is_known_however_a_keyboard_writes_it(
    pages: Pages, vault: Vault, address: Address, typed: str
) -> None:
    ask(pages.client(), typed, "/fa/e")
    assert len(sent_codes(pages, vault)) == 1


def test_number_without_plus_is_known_on_the_page_of_another_country(
    pages: Pages, vault: Vault, address: Address
) -> None:
    ask(pages.client(), NUMBER[1:], "/en/de/e")
    assert len(sent_codes(pages, vault)) == 1


def test_every_number_is_answered_alike(
    pages: Pages, vault: Vault, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    people = pages.client()
    answers = [ask(people, number) for number in (NUMBER, UNKNOWN, WRONG, "nobody 7")]
    bodies = {re.sub(r'name="ticket" value="[^"]*"', "", without_stamps(each.text)) for each in answers}
    assert ({each.status_code for each in answers}, len(bodies)) == ({200}, 1)
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}
    assert len(sent_codes(pages, vault)) == 1
    # Nothing of what was typed is kept, or told to a log.
    with pages.sessions() as session:
        kept = str(session.execute(select(LeaveRequest.__table__)).all())
    assert [word for word in (NUMBER, UNKNOWN[1:], "nobody") if word in kept + caplog.text] == []


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.HELD, AddressState.PENDING])
def test_nothing_is_sent_to_who_gets_nothing(
    pages: Pages, vault: Vault, address: Address, state: AddressState
) -> None:
    with pages.sessions.begin() as session:
        session.get_one(Address, address.id).state = state
    ask(pages.client())
    assert sent_codes(pages, vault) == []


@pytest.mark.both_databases
def test_code_waits_for_no_sender_that_cannot_reach_its_provider(
    pages: Pages, vault: Vault, address: Address
) -> None:
    with pages.sessions.begin() as session:
        session.execute(update(Sender).values(secret_name="lost"))
    ask(pages.client())
    assert sent_codes(pages, vault) == []
    with pages.sessions.begin() as session:
        a_sender(session, two_way=False, countries=["UA"], organisation_id=pages.ours.id)
    ask(pages.client())
    assert sent_codes(pages, vault, owners="theirs") == []
    # The sender that stands behind one without an account carries the code.
    ask(pages.client())
    assert len(sent_codes(pages, vault)) == 1


def test_code_goes_to_no_country_that_a_sender_does_not_serve(
    pages: Pages, vault: Vault, address: Address
) -> None:
    with pages.sessions.begin() as session:
        session.get_one(Address, address.id).country = "PL"
    ask(pages.client())
    assert sent_codes(pages, vault) == []


@pytest.mark.both_databases
def test_code_holds_until_the_stop_is_written(pages: Pages, vault: Vault, address: Address) -> None:
    people = pages.client()
    form = ask(people)
    [code] = sent_codes(pages, vault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "withdraw_everywhere", broken)
        assert type_in(people, form, code).status_code == 500
    assert state_of(pages, address) == AddressState.ACTIVE
    assert type_in(people, form, code).status_code == 200
    assert state_of(pages, address) == AddressState.OPTED_OUT


def test_wrong_code_takes_no_wish_to_be_erased_away(pages: Pages, address: Address) -> None:
    people = pages.client()
    form = ask(people)
    tick = r'<input type="checkbox" name="erase" value="yes"( checked)?>'
    again = [type_in(people, form, "1", **ticked).text for ticked in ({}, {"erase": "yes"})]
    assert [re.findall(tick, page) for page in (form.text, *again)] == [[""], [""], [" checked"]]


def broken(*_: object) -> None:
    """Fail as a database may that goes away in the middle."""
    raise ZeroDivisionError


def test_guessing_ends(pages: Pages, vault: Vault, address: Address) -> None:
    people = pages.client()
    form = ask(people)
    [code] = sent_codes(pages, vault)
    wrong = f"{(int(code) + 1) % 10**DIGITS:0{DIGITS}}"
    tried = [type_in(people, form, wrong) for _ in range(MOST_TRIES)]
    assert {each.status_code for each in tried} == {422}
    assert "not the code, or it is too old" in type_in(people, form, code).text
    assert state_of(pages, address) == AddressState.ACTIVE


def test_code_and_request_grow_old(pages: Pages, vault: Vault, address: Address) -> None:
    people = pages.client()
    form = ask(people)
    [code] = sent_codes(pages, vault)
    with standing_at(clock.now() + LIVES):
        assert type_in(people, form, code).status_code == 422
    ask(people)
    with standing_at(clock.now() + LIVES):
        # A worker that was away sends nothing of no use.
        assert len(sent_codes(pages, vault)) == 1
    with standing_at(clock.now() + KEPT_FOR + timedelta(minutes=1)):
        forget_requests(pages.sessions)
    with pages.sessions() as session:
        assert session.scalars(select(LeaveRequest.id)).all() == []


def test_what_has_no_digit_is_no_number(pages: Pages) -> None:
    answer = ask(pages.client(), "nobody")
    assert answer.status_code == 422
    assert 'role="alert">Phone number, with + and' in answer.text
    assert 'value="nobody"' in answer.text
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LeaveRequest)) == 0


def test_number_that_is_not_taken_is_not_typed_again(pages: Pages) -> None:
    people = pages.client()
    answers = [ask(people) for _ in range(6)]
    assert answers[-1].status_code == 429
    assert f'value="{NUMBER}"' in answers[-1].text


def test_three_codes_a_day_and_five_requests_a_network(pages: Pages, vault: Vault, address: Address) -> None:
    people = pages.client()
    statuses = [ask(people).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert ask(people, network="198.51.100.7").status_code == 200
    assert len(sent_codes(pages, vault)) == 3
    with standing_at(clock.now() + timedelta(days=1, minutes=1)):
        ask(people)
        assert len(sent_codes(pages, vault)) == 4


@pytest.mark.both_databases
@pytest.mark.parametrize("is_settled", [False, True])
def test_code_that_was_never_sent_is_nobodys(
    pages: Pages, vault: Vault, address: Address, is_settled: bool
) -> None:
    """Whoever asks again and again has no more to guess at than the codes of a day."""
    people = pages.client()
    form = ask(people)
    if is_settled:
        assert sent_codes(pages, vault, cents=1) == []
    ticket = shown_fields(form.text)["ticket"]
    guessed = type_in(people, form, code_of(hash_of_ticket(ticket, vault), vault), erase="yes")
    assert (guessed.status_code, state_of(pages, address)) == (422, AddressState.ACTIVE)


def test_no_money_no_code(pages: Pages, vault: Vault, address: Address) -> None:
    ask(pages.client())
    assert sent_codes(pages, vault, cents=1) == []


def test_form_that_nobody_opened_asks_for_nothing(pages: Pages) -> None:
    answers = [
        pages.client().post("/en/e", data=fields)
        for fields in ({"number": NUMBER}, {"number": NUMBER, "stamp": "1.2.3"}, {"ticket": "x", "code": "1"})
    ]
    assert [each.status_code for each in answers] == [422] * 3
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LeaveRequest)) == 0


@pytest.mark.both_databases
def test_erasing_asked_for_here_is_done_at_once_and_names_nobody(
    pages: Pages, vault: Vault, address: Address
) -> None:
    people = pages.client()
    with pages.sessions.begin() as session:
        # The same number as a contact of another organisation goes, too.
        an_address(session, a_contact(session, pages.theirs), vault, number=NUMBER)
    form = ask(people)
    [code] = sent_codes(pages, vault)
    with pages.sessions.begin() as session:
        session.query(Delivery).update({"send_state": "accepted"})
    done = type_in(people, form, code, erase="yes")
    assert "is erased within 24 hours" in done.text
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Address)) == 0
        assert None not in session.scalars(select(Contact.erased_at)).all()
        assert len(session.scalars(select(Erasure)).all()) == 2
        # The keyed hash stays, so that no import brings them back.
        marks = session.execute(select(SuppressedAddress.lookup, SuppressedAddress.channel)).all()
        assert {tuple(each) for each in marks} == {
            (vault.number_hash(NUMBER), channel) for channel in (Channel.SMS, Channel.WHATSAPP)
        }
        acts = session.execute(select(AuditEntry.action, AuditEntry.member_id, AuditEntry.detail)).all()
        asked = [each for each in acts if each.action == "contact.erase"]
        assert [(each.member_id, each.detail) for each in asked] == [(None, {"reason": "asked"})] * 2
        texts = session.scalars(select(RunText)).all()
        assert {open_body(each.body, each.sealed_body, each.id, vault) for each in texts} == {""}


@pytest.mark.slow
def test_known_and_unknown_numbers_take_as_long(
    pages: Pages, vault: Vault, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "PER_NETWORK", 10_000)
    monkeypatch.setattr(request_limits, "PER_INSTANCE", 10_000)
    people, taken = pages.client(), defaultdict[str, list[float]](list)
    kinds = {"known": NUMBER, "unknown": UNKNOWN, "stopped": "+380501234568"}
    with pages.sessions.begin() as session:
        facts = {"number": kinds["stopped"], "state": AddressState.OPTED_OUT}
        an_address(session, a_contact(session, pages.ours), vault, **facts)
    shown = shown_fields(people.get("/en/e").text)
    for _ in range(400):
        for kind in random.sample(sorted(kinds), len(kinds)):
            # What others do on this machine meanwhile is no difference.
            since = process_time()
            assert people.post("/en/e", data=shown | {"number": kinds[kind]}).status_code == 200
            taken[kind].append(process_time() - since)
    medians = {kind: median(each) for kind, each in taken.items()}
    assert max(medians.values()) <= 1.05 * min(medians.values()), medians
