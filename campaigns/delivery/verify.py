"""Does the provider's list agree with our rows, both ways? Compared in sets, whatever the size of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session

from campaigns.audience.models import Address
from campaigns.core.crypto import Vault
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.models import Run, Sender

#: Differences named in a report; their number is always exact.
NAMED = 20
#: The provider's clock may be behind ours.
SLACK = timedelta(minutes=1)

_TEMPORARY = MetaData()
#: The provider's list since the run began.
LISTED = Table(
    "verify_listed",
    _TEMPORARY,
    Column("provider_id", String(64), primary_key=True),
    Column("lookup", LargeBinary(32)),
    #: Sent by the run's sender with one of the run's texts.
    Column("alike", Boolean),
    prefixes=["TEMPORARY"],
)
#: Which of them are deliveries of ours, of whatever run.
OWNED = Table(
    "verify_owned",
    _TEMPORARY,
    Column("provider_id", String(64), primary_key=True),
    Column("run_id", BigInteger),
    Column("contact_id", BigInteger),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of disagreement: how often, and the first few."""

    sentence: str
    count: int
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a comparison found."""

    run_id: int
    #: Deliveries of the run that we hold for accepted.
    accepted: int
    #: Messages of the run in the provider's list.
    listed: int
    #: Deliveries whose fate is still open.
    open: int
    differences: Sequence[Difference] = field(default_factory=tuple)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not any(difference.count for difference in self.differences)

    def lines(self) -> list[str]:
        """Return the report in lines of text, without any address."""
        lines = [
            f"Run {self.run_id}: {self.accepted} accepted by our rows, {self.listed} in the provider's list, "
            f"{self.open} still open."
        ]
        for difference in self.differences:
            shown = f": {', '.join(difference.examples)}" if difference.examples else ""
            lines.append(f"  {difference.count} {difference.sentence}{shown}")
        return lines


async def verify_run(session: Session, run: Run, gateway: Gateway, *, vault: Vault) -> Report:
    """Compare a run's rows with the provider's list, both ways, and look for people who got it twice.

    Only temporary tables are written. Raises UnavailableError when the provider does not answer.
    """
    connection = session.connection()
    _TEMPORARY.create_all(connection)
    try:
        await _fill(session, run, gateway, vault)
        return _compare(session, run)
    finally:
        _TEMPORARY.drop_all(connection)


async def _fill(session: Session, run: Run, gateway: Gateway, vault: Vault) -> None:
    sender = session.get_one(Sender, run.sender_id)
    texts = set(session.scalars(select(RunText.body).where(RunText.run_id == run.id, RunText.body.is_not(None))))
    since = (run.started_at or run.created_at) - SLACK

    def row(message: ProviderMessage) -> dict[str, Any]:
        return {
            "provider_id": message.provider_id,
            "lookup": vault.lookup_hash(run.channel, message.to),
            "alike": message.sender in ("", sender.identity) and message.body in texts,
        }

    async for page in gateway.list_since(since):
        if page:
            session.execute(insert(LISTED), [row(message) for message in page])
    owned = select(Delivery.provider_id, Delivery.run_id, Delivery.contact_id).join(
        LISTED, LISTED.c.provider_id == Delivery.provider_id
    )
    # From our rows to theirs: a provider's id has no index with us, but it has one in the temporary table.
    session.execute(insert(OWNED).from_select(OWNED.c.keys(), owned.distinct()))


def _compare(session: Session, run: Run) -> Report:
    mine = (Delivery.run_id == run.id, Delivery.send_state == SendState.ACCEPTED)
    open_states = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)
    listed = Delivery.provider_id.in_(select(LISTED.c.provider_id))
    missing = select(Delivery.id).where(*mine, func.coalesce(~listed, True))
    return Report(
        run_id=run.id,
        accepted=_count(session, select(Delivery.id).where(*mine)),
        listed=_count(session, select(OWNED.c.provider_id).where(OWNED.c.run_id == run.id))
        + _count(session, _select_strangers(run)),
        open=_count(
            session, select(Delivery.id).where(Delivery.run_id == run.id, Delivery.send_state.in_(open_states))
        ),
        differences=(
            _difference(session, "deliveries we hold for accepted are not in the provider's list", missing),
            _difference(
                session,
                "messages in the provider's list are not among our acceptances",
                _select_strangers(run).union_all(_select_unaccepted(run)),
            ),
            _difference(session, "people got the message more than once", _select_doubled(run)),
        ),
    )


def _select_strangers(run: Run) -> Select[*tuple[Any, ...]]:
    """Select messages like the run's to people of the run that no delivery of ours has the id of."""
    return select(LISTED.c.provider_id).where(
        LISTED.c.alike,
        LISTED.c.provider_id.not_in(select(OWNED.c.provider_id)),
        LISTED.c.lookup.in_(_people_of(run)),
    )


def _select_unaccepted(run: Run) -> Select[*tuple[Any, ...]]:
    """Select listed messages whose delivery is ours by its id, but not accepted by its state."""
    return select(Delivery.provider_id).where(
        Delivery.run_id == run.id,
        Delivery.send_state != SendState.ACCEPTED,
        Delivery.provider_id.in_(select(LISTED.c.provider_id)),
    )


def _select_doubled(run: Run) -> Select[*tuple[Any, ...]]:
    """Select the contacts of the run for whom the provider lists several messages that are no other run's."""
    elsewhere = select(OWNED.c.provider_id).where(OWNED.c.run_id != run.id)
    return (
        select(Delivery.contact_id)
        .join(Address, Address.id == Delivery.address_id)
        .join(LISTED, LISTED.c.lookup == Address.lookup)
        .where(Delivery.run_id == run.id, LISTED.c.alike, LISTED.c.provider_id.not_in(elsewhere))
        .group_by(Delivery.contact_id)
        .having(func.count() > 1)
    )


def _people_of(run: Run) -> Select[*tuple[Any, ...]]:
    return (
        select(Address.lookup).join(Delivery, Delivery.address_id == Address.id).where(Delivery.run_id == run.id)
    )


def _difference(session: Session, sentence: str, rows: Any) -> Difference:
    named = session.execute(rows.limit(NAMED)).scalars()
    return Difference(sentence, _count(session, rows), tuple(str(name) for name in named))


def _count(session: Session, rows: Any) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
