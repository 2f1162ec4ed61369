"""Pure functions read what Twilio says of money: the price of a message, and what is left on an account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from campaigns.gateways.base import UnknownOutcomeError
from campaigns.gateways.connecting import Balance, Charge


def charge_of(message: Any, *, is_inbound: bool) -> Charge:
    """Return what a listed message costs: Twilio writes a charge below zero, and none before it is sent."""
    ours = message.to if is_inbound else message.from_
    price = _number(message.price)
    return Charge(
        person=_handle(message.from_ if is_inbound else message.to),
        senders=tuple(_handle(each) for each in (ours, message.messaging_service_sid) if each),
        parts=int(message.num_segments or 0),
        price=None if price is None else -price,
        currency=str(message.price_unit or "").upper() if price is not None else "",
    )


def balance_in(found: Mapping[str, Any]) -> Balance:
    """Return what an answer says is left. Raises UnknownOutcomeError when it says nothing of the kind."""
    amount = _number(found.get("balance"))
    if amount is None:
        raise UnknownOutcomeError("no_balance")
    return Balance(amount, str(found.get("currency") or "USD").upper())


def _handle(address: str | None) -> str:
    """Return an address without the name of its channel."""
    return (address or "").rpartition(":")[2]


def _number(text: object) -> Decimal | None:
    try:
        number = Decimal(str(text)) if text not in (None, "") else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
