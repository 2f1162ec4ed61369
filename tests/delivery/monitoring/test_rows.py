"""Deliveries are found by state and cause, each once, page by page, and told without any address."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, NotFoundError
from campaigns.delivery.counts import count_run
from campaigns.delivery.models import Attempt, Delivery, Receipt
from campaigns.delivery.monitoring import rows as browse
from campaigns.delivery.monitoring.rows import Wanted, first_receipt, read_lines, read_story
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, a_sender, add, an_organisation

CODES = (None, "30003", "21614")


@pytest.fixture
def run(session: Session) -> Run:
    organisation = an_organisation(session)
    senders = [a_sender(session), a_sender(session)]
    return a_run(session, a_campaign(session, organisation, a_member(session, organisation), senders=senders))


@pytest.fixture
def everything(session: Session, run: Run) -> list[Delivery]:
    """Deliveries of each state, receipt and code over two senders, and another run's beside them."""
    receipts = (None, ReceiptState.UNDELIVERED, ReceiptState.DELIVERED)
    made = [
        a_delivery(
            session,
            run,
            send_state=state,
            receipt_state=receipt,
            error=code,
            receipt_error=code if receipt is ReceiptState.UNDELIVERED else None,
            sender_id=run.ranked_senders[number % 2].sender_id,
        )
        for number, (state, receipt, code) in enumerate(product(SendState, receipts, CODES))
    ]
    a_delivery(session, a_run(session, run.campaign), send_state=SendState.FAILED, error="30003")
    return made


def pages_of(session: Session, run: Run, wanted: Wanted) -> list[int]:
    """Return the ids of all pages, one after the other."""
    ids: list[int] = []
    after: int | None = 0
    while after is not None:
        lines = read_lines(session, run, wanted, after=after)
        ids += [row.id for row in lines.rows]
        after = lines.next_after
    return ids


@pytest.mark.parametrize("state", [None, *SendState])
@pytest.mark.parametrize("per_page", [2, 100])
def test_each_state_is_listed_whole(
    session: Session,
    run: Run,
    everything: list[Delivery],
    monkeypatch: pytest.MonkeyPatch,
    state: SendState | None,
    per_page: int,
) -> None:
    monkeypatch.setattr(browse, "PER_PAGE", per_page)
    wanted = [row.id for row in everything if state in (None, row.send_state)]
    ids = pages_of(session, run, Wanted(state))
    assert sorted(ids) == sorted(wanted)


def test_each_cause_has_as_many_as_were_counted(session: Session, run: Run, everything: list[Delivery]) -> None:
    by_cause = count_run(session, run.id, now=NOON).by_cause
    assert set(by_cause) == {"", "30003", "21614"}
    listed = {cause: len(pages_of(session, run, Wanted(cause=cause))) for cause in by_cause}
    assert listed == by_cause


@pytest.mark.parametrize("state", list(SendState))
def test_cause_within_a_state_is_its_own(
    session: Session, run: Run, everything: list[Delivery], state: SendState
) -> None:
    of_call = state in browse.CALLED_IN_VAIN
    wanted = [
        row.id
        for row in everything
        if row.send_state == state and (row.error if of_call else row.receipt_error) == "30003"
    ]
    assert sorted(pages_of(session, run, Wanted(state, "30003"))) == sorted(wanted)


def test_line_holds_no_handle(session: Session, run: Run, everything: list[Delivery]) -> None:
    [row, *_] = read_lines(session, run, Wanted()).rows
    assert not {"ciphertext", "lookup", "contact_id", "address_id"} & set(row._fields)


def test_unknown_state_is_refused() -> None:
    with pytest.raises(InputError):
        Wanted.read("sent", None)
    assert Wanted.read("", None) == Wanted()


def a_receipt(session: Session, minutes: float, **changes: Any) -> Receipt:
    values = {"gateway": "twilio", "reference": "one", "provider_id": "SM1", "status": "sent", "raw": {}}
    return add(session, Receipt(**values | {"received_at": NOON + timedelta(minutes=minutes)} | changes))


def test_story_tells_everything_in_its_order(session: Session, run: Run) -> None:
    called = {"send_state": SendState.ACCEPTED, "intent_at": NOON + timedelta(minutes=4), "reference": "two"}
    delivery = a_delivery(session, run, **called)
    attempts = ((1, "fell_back", "one"), (3, "throttled", None))
    for minutes, outcome, reference in attempts:
        at = NOON + timedelta(minutes=minutes)
        add(session, Attempt(delivery_id=delivery.id, number=1, at=at, outcome=outcome, reference=reference))
    for minutes, reference in ((0, "one"), (2, "stranger"), (5, "two"), (6, "two")):
        a_receipt(session, minutes, reference=reference)
    story = read_story(session, run, delivery.id)
    told = [each.outcome if isinstance(each, Attempt) else each.reference for each in story.happened]
    assert told == ["one", "fell_back", "throttled", "two", "two"]


def test_story_of_another_run_is_missing(session: Session, run: Run) -> None:
    other = a_delivery(session, a_run(session, run.campaign))
    for delivery_id in (other.id, 999_999):
        with pytest.raises(NotFoundError):
            read_story(session, run, delivery_id)


def test_first_receipt_is_found_by_halving(session: Session) -> None:
    ids = [a_receipt(session, minutes).id for minutes in range(7)]
    for minutes in range(7):
        assert first_receipt(session, NOON + timedelta(minutes=minutes)) == ids[minutes]
        assert first_receipt(session, NOON + timedelta(minutes=minutes - 0.5)) <= ids[minutes]
    assert first_receipt(session, NOON + timedelta(minutes=7)) > ids[-1]
