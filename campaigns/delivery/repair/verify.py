"""The providers' lists are compared with our rows both ways, in sets, whatever the size of the run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    and_,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import with_nobodys_link
from campaigns.delivery.lanes.sender_facts import SenderFacts, facts_of
from campaigns.delivery.member_phones import phone_of
from campaigns.delivery.models import Attempt, Delivery, FormerText, RunText
from campaigns.delivery.rehearsal_addresses import country_of, find_stand_in, is_nobodys, stand_in
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.models import Run, Sender
from campaigns.staff.models import SEALED_NUMBER, MemberPhone

#: Differences named in a report; their number is always exact.
NAMED = 20
#: The provider's clock may be behind ours.
SLACK = timedelta(minutes=1)

_TEMPORARY = MetaData()
#: The providers' lists since the run began.
LISTED = Table(
    "verify_listed",
    _TEMPORARY,
    Column("provider_id", String(64), primary_key=True),
    Column("lookup", LargeBinary(32)),
    #: Sent by one of the run's senders with one of the run's texts.
    Column("alike", Boolean),
    prefixes=["TEMPORARY"],
)
#: Handles of the people of the run on each of its channels, or what stands for them in a rehearsal.
PEOPLE = Table(
    "verify_people",
    _TEMPORARY,
    Column("contact_id", BigInteger),
    Column("lookup", LargeBinary(32)),
    prefixes=["TEMPORARY"],
)
#: Which of the listed messages are deliveries of ours, of whatever run.
OWNED = Table(
    "verify_owned",
    _TEMPORARY,
    Column("provider_id", String(64), primary_key=True),
    Column("run_id", BigInteger),
    #: It failed on its channel, and its delivery went on over another sender.
    Column("is_earlier", Boolean),
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
    #: Messages of the run in the providers' lists.
    listed: int
    #: Deliveries whose fate is still open.
    open: int
    differences: Sequence[Difference] = field(default_factory=tuple)
    #: Acceptances that failed on their channel before the delivery went on over another sender; in the lists too.
    earlier: int = 0
    #: Acceptances by providers that keep no list, by the name of the sender: nobody can compare them.
    unlisted: Mapping[str, int] = field(default_factory=dict)

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
        if self.earlier:
            lines.append(f"  {self.earlier} more failed on their channel and were tried over another sender.")
        for name, count in self.unlisted.items():
            lines.append(f"  {count} of them went over {name}, whose provider keeps no list to compare with.")
        for difference in self.differences:
            shown = f": {', '.join(difference.examples)}" if difference.examples else ""
            lines.append(f"  {difference.count} {difference.sentence}{shown}")
        return lines


async def verify_run(
    session: Session, run: Run, open_gateway: Callable[[SenderFacts], Gateway], *, vault: Vault
) -> Report:
    """Compare a run's rows with its providers' lists, both ways, and look for people who got it twice.

    Only temporary tables are written. Raises UnavailableError when a provider does not answer.
    """
    connection = session.connection()
    _TEMPORARY.create_all(connection)
    try:
        unlisted = await _fill(session, run, open_gateway, vault)
        _fill_people(session, run, vault)
        _fill_owned(session)
        return _compare(session, run, unlisted)
    finally:
        _TEMPORARY.drop_all(connection)


async def _fill(
    session: Session, run: Run, open_gateway: Callable[[SenderFacts], Gateway], vault: Vault
) -> list[SenderFacts]:
    """Read the list of each account once, and return the senders whose provider keeps none."""
    accounts: defaultdict[tuple[str, str, Channel], list[SenderFacts]] = defaultdict(list)
    for sender in _senders_of(run):
        accounts[sender.gateway, sender.secret_name, sender.channel].append(sender)
    unlisted: list[SenderFacts] = []
    for senders in accounts.values():
        gateway = open_gateway(senders[0])
        try:
            if gateway.keeps_list:
                await _read_list(session, run, gateway, senders, vault)
            else:
                unlisted += senders
        finally:
            await gateway.close()
    return unlisted


def _senders_of(run: Run) -> list[SenderFacts]:
    """Return the senders of a run; one from before there was a list has one."""
    senders = [each.sender for each in run.ranked_senders] or [run.sender]
    return [facts_of(sender, is_rehearsal=run.is_rehearsal) for sender in senders]


async def _read_list(
    session: Session, run: Run, gateway: Gateway, senders: Sequence[SenderFacts], vault: Vault
) -> None:
    texts = _bodies_of(session, run)
    identities = {"", *(sender.identity for sender in senders)}
    channel = senders[0].channel

    def row(message: ProviderMessage) -> dict[str, Any]:
        return {
            "provider_id": message.provider_id,
            "lookup": vault.lookup_hash(channel, message.to),
            "alike": message.sender in identities and with_nobodys_link(message.body) in texts,
        }

    async for page in gateway.list_since((run.started_at or run.created_at) - SLACK):
        if page:
            session.execute(insert(LISTED), [row(message) for message in page])


def _bodies_of(session: Session, run: Run) -> set[str]:
    """Return everything that the run says, or said before its texts were rendered anew."""
    now = select(RunText.body).where(RunText.run_id == run.id)
    before = select(FormerText.body).join(RunText, RunText.id == FormerText.text_id)
    said = session.scalars(now.union(before.where(RunText.run_id == run.id)))
    return {body for body in said if body is not None}


def _fill_people(session: Session, run: Run, vault: Vault) -> None:
    channels = {sender.channel for sender in _senders_of(run)}
    own = and_(Address.contact_id == Delivery.contact_id, Address.channel.in_(channels))
    if not run.is_rehearsal:
        handles = select(Delivery.contact_id, Address.lookup).join(Address, own).where(Delivery.run_id == run.id)
        session.execute(insert(PEOPLE).from_select(PEOPLE.c.keys(), handles))
        _fill_phones(session, run, vault)
        return
    _fill_invented(session, run, vault)
    columns = (Delivery.id, Delivery.contact_id, Address.channel, Address.country, Address.lookup)
    rows = session.execute(select(*columns).join(Address, own).where(Delivery.run_id == run.id))
    for group in rows.partitions(1000):
        values = []
        for row in group:
            channel = Channel(row.channel)
            handle = find_stand_in(vault, row.id, channel, row.country, row.lookup)
            values.append({"contact_id": row.contact_id, "lookup": vault.lookup_hash(channel, handle)})
        session.execute(insert(PEOPLE), values)


def _fill_phones(session: Session, run: Run, vault: Vault) -> None:
    """Note the phone of the member to whom a test message went, if it is still theirs."""
    of_phone = MemberPhone.id == phone_of(Delivery.address_id)
    columns = (Delivery.contact_id, Delivery.channel, MemberPhone.id, MemberPhone.sealed_number)
    for row in session.execute(select(*columns).join(MemberPhone, of_phone).where(Delivery.run_id == run.id)):
        number = vault.open(row.sealed_number, **SEALED_NUMBER, row_id=row.id)
        lookup = vault.lookup_hash(row.channel, number)
        session.execute(insert(PEOPLE), [{"contact_id": row.contact_id, "lookup": lookup}])


def _fill_invented(session: Session, run: Run, vault: Vault) -> None:
    """Note what stands for the invented people of a rehearsal, of whom there are few."""
    columns = (Delivery.id, Delivery.contact_id, Delivery.channel, Delivery.address_id)
    values = []
    for row in session.execute(select(*columns).where(Delivery.run_id == run.id)):
        if is_nobodys(row.address_id):
            channel = Channel(row.channel)
            handle = stand_in(row.id, channel, country_of(row.address_id))
            values.append({"contact_id": row.contact_id, "lookup": vault.lookup_hash(channel, handle)})
    if values:
        session.execute(insert(PEOPLE), values)


def _fill_owned(session: Session) -> None:
    # From our rows to theirs: a provider's id has no index with us, but it has one in the temporary table.
    columns = (LISTED.c.provider_id, Delivery.run_id)
    now = select(*columns, literal(False)).join(Delivery, LISTED.c.provider_id == Delivery.provider_id)
    before = (
        select(*columns, literal(True))
        .join(Attempt, Attempt.provider_id == LISTED.c.provider_id)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
    )
    session.execute(insert(OWNED).from_select(OWNED.c.keys(), now.union(before)))


def _compare(session: Session, run: Run, unlisted: Sequence[SenderFacts]) -> Report:
    mine = (Delivery.run_id == run.id, Delivery.send_state == SendState.ACCEPTED)
    open_states = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)
    is_listed = Delivery.provider_id.in_(select(LISTED.c.provider_id))
    can_be_listed = Delivery.sender_id.not_in([sender.sender_id for sender in unlisted])
    missing = select(Delivery.id).where(*mine, can_be_listed, func.coalesce(~is_listed, True))
    owned = select(OWNED.c.provider_id).where(OWNED.c.run_id == run.id)
    return Report(
        run_id=run.id,
        accepted=_count(session, select(Delivery.id).where(*mine)),
        listed=_count(session, owned.where(~OWNED.c.is_earlier)) + _count(session, _select_strangers()),
        open=_count(
            session, select(Delivery.id).where(Delivery.run_id == run.id, Delivery.send_state.in_(open_states))
        ),
        differences=(
            _difference(session, "deliveries we hold for accepted are not in the provider's list", missing),
            _difference(
                session,
                "messages in the provider's list are not among our acceptances",
                _select_strangers().union_all(_select_unaccepted(run)),
            ),
            _difference(session, "people got the message more than once", _select_doubled(run)),
        ),
        earlier=_count(session, owned.where(OWNED.c.is_earlier)),
        unlisted=_count_unlisted(session, run, unlisted),
    )


def _count_unlisted(session: Session, run: Run, unlisted: Sequence[SenderFacts]) -> dict[str, int]:
    """Count the acceptances over senders without a list, by the sender's name."""
    counts = session.execute(
        select(Sender.name, func.count())
        .join(Delivery, Delivery.sender_id == Sender.id)
        .where(Delivery.run_id == run.id, Delivery.send_state == SendState.ACCEPTED)
        .where(Sender.id.in_([sender.sender_id for sender in unlisted]))
        .group_by(Sender.name)
    )
    return dict(counts.all())


def _select_strangers() -> Select[*tuple[Any, ...]]:
    """Select messages like the run's to people of the run that no delivery of ours has the id of."""
    return select(LISTED.c.provider_id).where(
        LISTED.c.alike,
        LISTED.c.provider_id.not_in(select(OWNED.c.provider_id)),
        LISTED.c.lookup.in_(select(PEOPLE.c.lookup)),
    )


def _select_unaccepted(run: Run) -> Select[*tuple[Any, ...]]:
    """Select listed messages whose delivery is ours by its id, but not accepted by its state."""
    return select(Delivery.provider_id).where(
        Delivery.run_id == run.id,
        Delivery.send_state != SendState.ACCEPTED,
        Delivery.provider_id.in_(select(LISTED.c.provider_id)),
    )


def _select_doubled(run: Run) -> Select[*tuple[Any, ...]]:
    """Select the contacts of the run for whom the providers list several messages that nothing else explains.

    Other runs do, and so does a failure on one channel before the message went out over another.
    """
    explained = select(OWNED.c.provider_id).where(or_(OWNED.c.run_id != run.id, OWNED.c.is_earlier))
    return (
        select(PEOPLE.c.contact_id)
        .join(LISTED, LISTED.c.lookup == PEOPLE.c.lookup)
        .where(LISTED.c.alike, LISTED.c.provider_id.not_in(explained))
        .group_by(PEOPLE.c.contact_id)
        .having(func.count() > 1)
    )


def _difference(session: Session, sentence: str, rows: Any) -> Difference:
    named = session.execute(rows.limit(NAMED)).scalars()
    return Difference(sentence, _count(session, rows), tuple(str(name) for name in named))


def _count(session: Session, rows: Any) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
