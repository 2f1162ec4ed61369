"""What a provider says that messages cost is added up by organisation and country; nothing of a person is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from campaigns.core.database import insert_or
from campaigns.gateways.connecting import Balance, Charge
from campaigns.planning.spending.models import AccountBalance, ToldCost, ToldDay
from campaigns.planning.spending.queries import MICROS

#: Longest name of a currency.
_CURRENCY = 3


@dataclass(slots=True)
class _Told:
    """What messages with people of one country cost, in one currency."""

    messages: int = 0
    parts: int = 0
    amount: Decimal = Decimal()


@dataclass(slots=True)
class ToldSums:
    """Adds up charges of an account by organisation: the sender's, else the only one that has the account."""

    #: By what a provider calls a sender; None: of several organisations.
    owner_by_sender: Mapping[str, int | None]
    #: Whose the account is; None: it is that of several organisations, or of none.
    sole_owner: int | None
    _sums: dict[tuple[int, str, str], _Told] = field(default_factory=dict)

    def add(self, charges: Iterable[tuple[Charge, str]]) -> None:
        """Add charges, each with the country of its person; what nobody of this instance sent is passed by."""
        for charge, country in charges:
            known = (self.owner_by_sender.get(sender) for sender in charge.senders)
            owner = next((each for each in known if each is not None), self.sole_owner)
            if owner is None:
                continue
            currency = charge.currency[:_CURRENCY] if charge.price is not None else ""
            told = self._sums.setdefault((owner, country, currency), _Told())
            told.messages += 1
            told.parts += charge.parts
            told.amount += charge.price or 0

    def rows(self, secret_name: str, day: date) -> list[dict[str, object]]:
        """Return the rows of told_cost."""
        whose = {"secret_name": secret_name, "day": day, "month": f"{day:%Y-%m}"}
        return [
            whose
            | {"organisation_id": owner, "country": country, "currency": currency}
            | {"messages": told.messages, "parts": told.parts, "micros": int(told.amount * MICROS)}
            for (owner, country, currency), told in self._sums.items()
        ]


def replace_day(session: Session, secret_name: str, day: date, sums: ToldSums, *, read_at: datetime) -> None:
    """Keep what a provider said of one day, in place of what it said before."""
    noting = insert_or(session, ToldDay).values(secret_name=secret_name, day=day, read_at=read_at)
    session.execute(noting.on_conflict_do_update(index_elements=["secret_name", "day"], set_={"read_at": read_at}))
    session.execute(delete(ToldCost).where(ToldCost.secret_name == secret_name, ToldCost.day == day))
    if rows := sums.rows(secret_name, day):
        session.execute(insert(ToldCost), rows)


def keep_balance(session: Session, secret_name: str, gateway: str, balance: Balance, *, told_at: datetime) -> None:
    """Keep what is left on an account, as its provider says it."""
    facts = {
        "gateway": gateway,
        "micros": int(balance.amount * MICROS),
        "currency": balance.currency[:_CURRENCY],
        "told_at": told_at,
    }
    keeping = insert_or(session, AccountBalance).values(secret_name=secret_name, **facts)
    session.execute(keeping.on_conflict_do_update(index_elements=["secret_name"], set_=facts))
