"""Each delivery stands on exactly one rung, and a rung never claims more than a receipt says."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from campaigns.audience.models import Channel
from campaigns.delivery.states import TERMINAL, ReceiptState, SendState
from campaigns.reach.counting.ladder import (
    CAME_TO,
    LADDERS,
    REACHED,
    STANDINGS,
    Rung,
    carrier_countries,
    ladder_of,
    rung_of,
)

RECEIPTS = (None, *ReceiptState)


@pytest.mark.parametrize("channel", Channel)
def test_every_pair_of_states_has_a_standing(channel: Channel) -> None:
    for send_state, receipt_state in product(SendState, RECEIPTS):
        assert rung_of(channel, "UA", send_state=send_state, receipt_state=receipt_state) in STANDINGS


@pytest.mark.parametrize("state", [None, *list(ReceiptState)[:4]])
def test_sms_without_delivery_receipt_is_only_accepted(state: ReceiptState | None) -> None:
    rung = rung_of(Channel.SMS, "UA", send_state=SendState.ACCEPTED, receipt_state=state)
    assert rung == Rung.ACCEPTED
    assert rung not in REACHED[Channel.SMS]


def test_telegram_is_reached_when_accepted() -> None:
    rung = rung_of(Channel.TELEGRAM, None, send_state=SendState.ACCEPTED, receipt_state=None)
    assert rung in REACHED[Channel.TELEGRAM]


def test_carrier_receipt_is_labelled_as_such() -> None:
    assert "MD" in carrier_countries()
    delivered: dict[str, Any] = {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.DELIVERED}
    assert rung_of(Channel.SMS, "MD", **delivered) == Rung.CARRIER
    assert rung_of(Channel.SMS, "PL", **delivered) == Rung.DELIVERED
    assert rung_of(Channel.WHATSAPP, "MD", **delivered) == Rung.DELIVERED


@pytest.mark.parametrize("state", [SendState.SENDING, SendState.UNKNOWN, SendState.UNCONFIRMED])
def test_receipt_outranks_a_lost_reply(state: SendState) -> None:
    rung = rung_of(Channel.SMS, "UA", send_state=state, receipt_state=ReceiptState.DELIVERED)
    assert rung == Rung.DELIVERED


@pytest.mark.parametrize("state", sorted(TERMINAL - {SendState.ACCEPTED, SendState.UNCONFIRMED}))
def test_what_was_never_sent_is_never_delivered(state: SendState) -> None:
    for receipt_state in RECEIPTS:
        assert rung_of(Channel.SMS, "UA", send_state=state, receipt_state=receipt_state) == Rung(state)


def test_each_step_of_the_ladder_holds_the_next() -> None:
    assert CAME_TO[Rung.PLANNED] > CAME_TO[Rung.ACCEPTED] > CAME_TO[Rung.DELIVERED] > CAME_TO[Rung.READ]


def test_ladder_has_every_step_that_a_channel_tells() -> None:
    assert ladder_of([Channel.TELEGRAM]) == LADDERS[Channel.TELEGRAM]
    assert ladder_of([Channel.TELEGRAM, Channel.SMS]) == LADDERS[Channel.SMS]
    assert ladder_of([Channel.SMS, Channel.WHATSAPP]) == LADDERS[Channel.WHATSAPP]
