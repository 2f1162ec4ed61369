"""Sending again moves only unconfirmed deliveries, to people who may get them, with numbers that hold today."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.errors import ChangedError, InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.repair import resend as resending
from campaigns.delivery.repair.resend import (
    Chosen,
    Group,
    Prospect,
    add_up,
    count_groups,
    count_resendable,
    has_few,
    prospect_among,
    resend,
)
from campaigns.delivery.states import SendState
from campaigns.messages.text.bidi_numbers import LEFT_TO_RIGHT_MARK
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from campaigns.staff.models import AuditEntry, Organisation
from campaigns.staff.notes import open_reasons
from tests.delivery.builders import (
    a_done_copy,
    a_run_in_every_state,
    a_running_run,
    all_deliveries,
    frozen,
    give_addresses,
)
from tests.factories import NOON, a_member, a_region, a_sender, a_service, an_organisation

pytestmark = pytest.mark.one_database

NUMBER = "+48 22 628 01 20"
#: As the fixture `vault` has it.
VAULT = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
UNCONFIRMED = {"send_state": SendState.UNCONFIRMED}


@pytest.fixture
def run(session: Session, vault: Vault) -> Run:
    return a_run_in_every_state(session, vault)


def states(session: Session) -> list[SendState]:
    return [SendState(delivery.send_state) for delivery in all_deliveries(session)]


def send_again(
    session: Session, run: Run, chosen: Chosen | None = None, *, reason: str = "Asked the carrier"
) -> int:
    member = a_member(session, an_organisation(session))
    return resend(session, run, chosen or Chosen(), by=member.id, reason=reason, vault=VAULT)


def test_resend_queues_only_unconfirmed(session: Session, run: Run) -> None:
    ids = [delivery.id for delivery in all_deliveries(session)]
    assert send_again(session, run, Chosen(ids=ids)) == 1
    assert states(session) == [SendState.QUEUED if each is SendState.UNCONFIRMED else each for each in SendState]
    assert session.scalars(select(Attempt.outcome)).all() == ["resent"]


@pytest.mark.both_databases
def test_nothing_of_a_copy_that_was_withdrawn_since_is_sent_before_two_decide(
    session: Session, vault: Vault
) -> None:
    run = a_done_copy(session, vault, **UNCONFIRMED)
    assert send_again(session, run) == 3
    assert (run.state, run.paused_by_itself) == (RunState.PAUSED, True)
    assert "Signal Fire (invented) withdrew" in str(run.reason)


@pytest.mark.both_databases
def test_as_many_of_many_are_sent_again_as_were_confirmed(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They become more for hours while calls without an answer are given up."""
    run = a_running_run(session, vault, count=5, deliveries=UNCONFIRMED)
    with pytest.raises(ChangedError):
        send_again(session, run, Chosen(most=3))
    monkeypatch.setattr(resending, "MANY", 3)
    assert send_again(session, run, Chosen(most=3)) == 3
    assert states(session) == [SendState.QUEUED] * 3 + [SendState.UNCONFIRMED] * 2
    assert send_again(session, run, Chosen(most=3)) == 2


@pytest.mark.both_databases
def test_counted_groups_tell_what_a_count_of_each_choice_tells(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=4, deliveries=UNCONFIRMED)
    first, second, *_ = all_deliveries(session)
    first.error = "timeout"
    stopped = session.get_one(Address, second.address_id)
    stopped.country, stopped.state = "PL", AddressState.OPTED_OUT
    session.flush()
    groups = [Group.from_json(each.to_json()) for each in count_groups(session, run)]
    found = add_up(groups)
    assert (found.by_code, found.by_country) == ({"timeout": 1, "": 3}, {"PL": 1, "UA": 3})
    assert (sum(found.by_language.values()), sum(found.by_channel.values())) == (4, 4)
    choices = (Chosen(), Chosen(code="timeout"), Chosen(code=""), Chosen(country="PL"), Chosen(language="de"))
    for chosen in choices:
        assert prospect_among(groups, chosen) == count_resendable(session, run, chosen)
    assert prospect_among(groups, Chosen()) == Prospect(sent=3, stopped=1)


@pytest.mark.both_databases
def test_few_are_known_without_reading_all(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_running_run(session, vault, count=3, deliveries=UNCONFIRMED)
    found = []
    for few in (2, 3):
        monkeypatch.setattr(resending, "FEW", few)
        found.append(has_few(session, run.id))
    assert found == [False, True]


def test_resend_is_one_audited_act(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=3, deliveries=UNCONFIRMED)
    assert send_again(session, run, reason=" Asked the carrier ") == 3
    [entry] = session.scalars(select(AuditEntry)).all()
    assert (entry.action, entry.subject_type, entry.subject_id) == ("delivery.resend", "run", run.id)
    assert entry.member_id is not None
    assert entry.detail == {"deliveries": 3}
    assert open_reasons(session, [entry.id], vault=vault) == {entry.id: "Asked the carrier"}


@pytest.mark.both_databases
@pytest.mark.parametrize(("code", "count"), [("timeout", 2), ("", 1), (None, 3)])
def test_resend_takes_all_of_a_cause(session: Session, vault: Vault, code: str | None, count: int) -> None:
    run = a_running_run(session, vault, count=3, deliveries=UNCONFIRMED)
    for delivery in all_deliveries(session)[:2]:
        delivery.error = "timeout"
    session.flush()
    assert count_resendable(session, run, Chosen(code=code)) == Prospect(sent=count)
    assert send_again(session, run, Chosen(code=code)) == count


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.INVALID])
def test_resend_leaves_who_said_stop(session: Session, vault: Vault, state: AddressState) -> None:
    run = a_running_run(session, vault, count=2, deliveries=UNCONFIRMED)
    stopped = all_deliveries(session)[0]
    session.get_one(Address, stopped.address_id).state = state
    session.flush()
    assert count_resendable(session, run, Chosen()) == Prospect(sent=1, stopped=1)
    assert send_again(session, run) == 1
    assert states(session) == [SendState.UNCONFIRMED, SendState.QUEUED]


def test_resend_heeds_a_stop_on_any_channel(session: Session, vault: Vault) -> None:
    senders = [a_sender(session), a_sender(session, channel=Channel.WHATSAPP)]
    run = a_running_run(session, vault, count=1, senders=senders, deliveries=UNCONFIRMED)
    ours = {"channel": Channel.WHATSAPP, "prefix": "+38067"}
    contact_id = all_deliveries(session)[0].contact_id
    other = give_addresses(session, run.organisation_id, vault, [contact_id], **ours)[contact_id]
    said = session.get_one(Address, other)
    withdraw_everywhere(session, HashedHandle(said.lookup, Channel.WHATSAPP), Declaration("keyword", "STOP", NOON))
    assert count_resendable(session, run, Chosen()) == Prospect(stopped=1)


def test_resend_gives_time_anew(session: Session, run: Run) -> None:
    run.frozen = frozen(expires_after_minutes=60)
    session.flush()
    send_again(session, run)
    [attempt] = session.scalars(select(Attempt)).all()
    delivery = session.get_one(Delivery, attempt.delivery_id, populate_existing=True)
    assert (delivery.due_at, delivery.expires_at) == (attempt.at, attempt.at + timedelta(hours=1))


def test_resend_lets_a_finished_run_go_on(session: Session, run: Run) -> None:
    run.state = RunState.DONE
    send_again(session, run)
    assert run.state == RunState.RUNNING


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PAUSED, RunState.STOPPED])
def test_resend_goes_round_no_stop(session: Session, run: Run, state: RunState) -> None:
    run.state = state
    with pytest.raises(TransitionError):
        send_again(session, run)
    assert states(session) == list(SendState)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_resend_needs_a_reason(session: Session, run: Run, reason: str) -> None:
    with pytest.raises(InputError):
        send_again(session, run, reason=reason)


def test_resend_of_nothing_says_so(session: Session, run: Run) -> None:
    with pytest.raises(RefusedError):
        send_again(session, run, Chosen(ids=[999_999]))
    assert session.scalars(select(AuditEntry)).all() == []


def name_a_service(
    session: Session, run: Run, *, roaming: bool = False, language: str = "en", **changes: Any
) -> None:
    """Let the run's text name a service that was verified today and had NUMBER; `changes` are what it is now."""
    organisation = session.get_one(Organisation, run.organisation_id)
    service = a_service(session, organisation, **{"verified_on": clock.now().date()} | changes)
    mark = LEFT_TO_RIGHT_MARK if language == "ar" else ""
    run.frozen = frozen({language: "SOS: ((hotline))."}, base_language=language)
    values = {
        "language": language,
        "roaming": roaming,
        "region_id": a_region(session).id,
        "service_ids": [service.id],
    }
    naming = update(RunText).where(RunText.run_id == run.id)
    session.execute(naming.values(body=f"SOS: {mark}{NUMBER}.", **values))


def ago(days: int) -> Any:
    return clock.now().date() - timedelta(days=days)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"verified_on": ago(29)},
        {"number_national": None},
        {"number_from_abroad": "+48 22 628 99 99"},
        {"language": "ar", "languages": ["ar"]},
        {"roaming": True, "number_national": "116 111"},
    ],
)
def test_resend_trusts_a_number_that_holds(session: Session, vault: Vault, changes: dict[str, Any]) -> None:
    run = a_running_run(session, vault, count=1, deliveries=UNCONFIRMED)
    name_a_service(session, run, **changes)
    assert count_resendable(session, run, Chosen()) == Prospect(sent=1)
    assert send_again(session, run) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"verified_on": ago(40)},
        {"verified_on": None},
        {"expires_on": ago(2)},
        {"source_status": "unclear"},
        {"number_national": "+48 22 628 99 99", "number_from_abroad": None},
        # What it had begins with what it has now.
        {"number_national": "+48 22 628"},
        {"roaming": True, "number_from_abroad": None},
        {"languages": ["uk"]},
        {"country": "DE"},
    ],
)
def test_resend_leaves_a_number_that_may_be_wrong(session: Session, vault: Vault, changes: dict[str, Any]) -> None:
    run = a_running_run(session, vault, count=1, deliveries=UNCONFIRMED)
    name_a_service(session, run, **changes)
    assert count_resendable(session, run, Chosen()) == Prospect(outdated=1)
    with pytest.raises(RefusedError):
        send_again(session, run)
    assert states(session) == [SendState.UNCONFIRMED]


@pytest.mark.both_databases
def test_resend_judges_each_text_by_itself(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=2, deliveries=UNCONFIRMED)
    name_a_service(session, run, verified_on=None)
    words = "Тримайте паспорт при собі."
    run.frozen = frozen({"en": "SOS: ((hotline)).", "uk": words})
    without = RunText(run_id=run.id, language="uk", body=words, parts=1)
    session.add(without)
    session.flush()
    all_deliveries(session)[1].text_id = without.id
    session.flush()
    assert count_resendable(session, run, Chosen()) == Prospect(sent=1, outdated=1)
    assert send_again(session, run) == 1
    assert states(session) == [SendState.UNCONFIRMED, SendState.QUEUED]


def test_resend_heeds_how_long_a_verification_holds(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=1, deliveries=UNCONFIRMED)
    name_a_service(session, run, verified_on=ago(10))
    assert count_resendable(session, run, Chosen(), policy=Policy(20)) == Prospect(sent=1)
    assert count_resendable(session, run, Chosen(), policy=Policy(5)) == Prospect(outdated=1)
