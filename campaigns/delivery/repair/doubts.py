"""Of deliveries in doubt this tells which are looked up now, how each looks in a list, and what the list says."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import with_own_link
from campaigns.delivery.fanout.outdated_texts import as_called, load_former
from campaigns.delivery.lanes.call_limits import INTENT_LIFE
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts, facts_of
from campaigns.delivery.member_phones import phone_of
from campaigns.delivery.models import Attempt, Delivery, FormerText, RunText, SenderAccount
from campaigns.delivery.queries import in_state
from campaigns.delivery.rehearsal_addresses import country_of, find_stand_in, is_nobodys, stand_in
from campaigns.delivery.sealed_texts import open_body
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import Patience
from campaigns.gateways.base import ProviderMessage
from campaigns.planning.models import Run, Sender
from campaigns.staff.models import SEALED_NUMBER, MemberPhone

#: The provider's clock may differ so much from ours for a message of its list to be taken for the doubtful one.
BEFORE = timedelta(minutes=1)
#: A clock of ours may be wrong by so much. What the provider made for the same handle within this time of a
#: doubtful call, and no delivery of ours explains, speaks against sending again.
WRONG_CLOCK = timedelta(days=1)
#: Longest a call may take after its fence, with room for the provider's own queue at the door.
AFTER = INTENT_LIFE + timedelta(seconds=15) + timedelta(seconds=120)
#: Two clocks of ours may disagree so much about when a lane was opened and when a call was meant.
ABOUT = timedelta(minutes=1)
#: How often the provider must not have the message before it counts as never sent.
TIMES_ABSENT = 2
#: Doubtful deliveries of one sender looked at before those of the next.
ROUND = 100
#: Among this number of deliveries before and after a doubtful one another is looked for that its list must have.
NEIGHBOURS = 2000

#: What a look said, in the error column of a `reconciled` attempt.
FOUND, ABSENT, AMBIGUOUS = "found", "absent", "ambiguous"
#: The list has nothing, but is not known to be that of the account, or lacks what it must have.
UNBELIEVED = "unbelieved"
#: What was written to cannot be read, so the list cannot be asked.
DAMAGED = "damaged"

#: Statements are built once: that costs more than to execute them.
_BEFORE = bindparam("before", type_=UTCDateTime())

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unknown delivery and what its message looks like in the provider's list."""

    delivery_id: int
    contact_id: int
    attempts: int
    intent_at: datetime
    lookup: bytes
    #: None: what was written to cannot be deciphered.
    to: str | None
    #: None: any text, because the provider wrote it from a template.
    body: str | None
    sender: SenderFacts
    resend: bool
    #: Looks into the list so far.
    looks: int
    #: The provider's account it was called over; '' when that is not known for sure.
    account: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """A message that the provider accepted about when it was asked for a doubtful one: its list must have it."""

    to: str
    provider_id: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Doubts of one sender, to be looked up one after the other."""

    doubts: Sequence[Doubt] = ()
    #: None: nothing that was sent about then is known.
    witness: Witness | None = None


def load_lines(session: Session, patience: Patience) -> list[SenderFacts]:
    """Read the senders that have doubtful deliveries, once for people and once for rehearsals."""
    rows = session.execute(_select_lines(), {"before": clock.now() - patience.grace}).all()
    return [facts_of(session.get_one(Sender, row[0]), is_rehearsal=row[1]) for row in rows]


def load_batch(session: Session, vault: Vault, patience: Patience, line: Line, after: int) -> Batch:
    """Read the next doubtful deliveries of a line, with an id above `after`, that are to be looked up now."""
    now = clock.now()
    given = {
        "before": now - patience.grace,
        "lately": now - patience.interval,
        "sender": line.sender_id,
        "rehearsal": line.is_rehearsal,
        "after": after,
    }
    rows = session.execute(_select_doubts(), given).all()
    if not rows:
        return Batch()
    former = load_former(session, {row.RunText.id for row in rows})
    history = [(each.since, each.account) for each in session.scalars(_select_accounts(), given)]
    return Batch(
        doubts=[_doubt(row, vault, former, account_at(history, row.Delivery.intent_at)) for row in rows],
        witness=_find_witness(session, vault, rows[0], before=now - patience.grace),
    )


def account_at(history: Sequence[tuple[datetime, str]], moment: datetime) -> str:
    """Return the account that a sender used at `moment`, or '' when none or several can have been; pure.

    `history` says since when each was used, in the order in which it was noted.
    """
    before = [account for since, account in history if since <= moment - ABOUT]
    about = [account for since, account in history if moment - ABOUT < since <= moment + ABOUT]
    possible = {*before[-1:], *about}
    return possible.pop() if len(possible) == 1 else ""


def judge(
    doubt: Doubt, listed: Collection[ProviderMessage], *, ours: Collection[str], is_believed: bool
) -> tuple[str, str | None]:
    """Say what a list tells of a doubt, and the provider's id of its message if that was found; pure.

    `ours` are the provider's ids of all we know to have sent there. A provider may alter a text or name another
    sender than we did, so only a list without any other message to that handle says that it never had this one.
    """
    strangers = [
        line
        for line in listed
        if line.provider_id not in ours and abs(line.created_at - doubt.intent_at) <= WRONG_CLOCK
    ]
    found = [line for line in strangers if is_alike(line, doubt)]
    if len(found) == 1:
        return FOUND, found[0].provider_id
    if strangers:
        _log.error("%s messages of the provider may be delivery %s", len(strangers), doubt.delivery_id)
        return AMBIGUOUS, None
    return (ABSENT if is_believed else UNBELIEVED), None


def is_alike(line: ProviderMessage, doubt: Doubt) -> bool:
    """Say whether a line of the provider's list looks like the doubtful message, and was made when that was."""
    in_time = doubt.intent_at - BEFORE <= line.created_at <= doubt.intent_at + AFTER
    return in_time and doubt.body in (None, line.body) and line.sender in ("", doubt.sender.identity)


def looked() -> ColumnElement[bool]:
    """Match the looks into the list since the doubtful call of a delivery."""
    return (
        (Attempt.delivery_id == Delivery.id)
        & (Attempt.outcome == "reconciled")
        & (Attempt.at > Delivery.intent_at)
    )


def _is_doubtful() -> tuple[ColumnElement[bool], ...]:
    return in_state(SendState.UNKNOWN), Delivery.intent_at < _BEFORE


@cache
def _select_lines() -> Select[int, bool]:
    return (
        select(Delivery.sender_id, Run.is_rehearsal)
        .join(Run, Run.id == Delivery.run_id)
        .where(*_is_doubtful())
        .distinct()
    )


@cache
def _select_doubts() -> Select[*tuple[Any, ...]]:
    """Select doubtful deliveries of a line that are to be looked up now."""
    is_late = Attempt.at > bindparam("lately", type_=UTCDateTime())
    absent = select(func.count()).where(looked(), Attempt.error == ABSENT).scalar_subquery()
    lately = select(Attempt.id).where(looked(), is_late).exists()
    looks = select(func.count()).where(looked()).scalar_subquery().label("looks")
    return (
        select(Delivery, Address, MemberPhone, RunText, Run, Sender, looks)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(MemberPhone, MemberPhone.id == phone_of(Delivery.address_id))
        .join(RunText, RunText.id == Delivery.text_id)
        .join(Run, Run.id == Delivery.run_id)
        .join(Sender, Sender.id == Delivery.sender_id)
        .where(*_is_doubtful(), Delivery.id > bindparam("after"))
        .where(Delivery.sender_id == bindparam("sender"), Run.is_rehearsal == bindparam("rehearsal"))
        .where(~lately, absent < TIMES_ABSENT)
        .order_by(Delivery.id)
        .limit(ROUND)
    )


@cache
def _select_accounts() -> Select[SenderAccount]:
    return (
        select(SenderAccount)
        .where(SenderAccount.sender_id == bindparam("sender"))
        .where(SenderAccount.is_rehearsal == bindparam("rehearsal"))
        .order_by(SenderAccount.id)
    )


@cache
def _select_witness() -> Select[*tuple[Any, ...]]:
    """Select a delivery that was accepted over the same sender about when the doubtful one was called."""
    near = Delivery.id.between(bindparam("first"), bindparam("last"))
    return (
        select(Delivery, Address)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .where(near, Delivery.run_id == bindparam("run"), Delivery.sender_id == bindparam("sender"))
        .where(Delivery.send_state == SendState.ACCEPTED, Delivery.provider_id.is_not(None))
        .where(Delivery.intent_at < _BEFORE)
        .limit(1)
    )


def _find_witness(session: Session, vault: Vault, row: Any, *, before: datetime) -> Witness | None:
    doubtful = row.Delivery
    given = {
        "first": doubtful.id - NEIGHBOURS,
        "last": doubtful.id + NEIGHBOURS,
        "run": doubtful.run_id,
        "sender": doubtful.sender_id,
        "before": before,
    }
    found = session.execute(_select_witness(), given).first()
    if found is None:
        return None
    sender = facts_of(row.Sender, is_rehearsal=row.Run.is_rehearsal)
    to = _handle_of(found.Delivery, found.Address, sender, vault)
    return None if to is None else Witness(to, found.Delivery.provider_id, found.Delivery.intent_at)


def _doubt(row: Any, vault: Vault, former: Mapping[int, Sequence[FormerText]], account: str) -> Doubt:
    delivery, address = row.Delivery, row.Address
    text = as_called(row.RunText, former, at=delivery.intent_at)
    sender = facts_of(row.Sender, is_rehearsal=row.Run.is_rehearsal)
    phone = row.MemberPhone
    to = _handle_of(delivery, address, sender, vault) if phone is None else _number_of(phone, vault)
    has_template = sender.channel is Channel.WHATSAPP and text.content_sid is not None
    return Doubt(
        delivery_id=delivery.id,
        contact_id=delivery.contact_id,
        attempts=delivery.attempts,
        intent_at=delivery.intent_at,
        lookup=address.lookup if address is not None else b"",
        to=to,
        body=None if has_template else _body_of(text, row, to, vault),
        sender=sender,
        resend=bool(row.Run.frozen.get("resend_unknown")),
        looks=row.looks,
        account=account,
    )


def _body_of(said: RunText | FormerText, row: Any, to: str | None, vault: Vault) -> str:
    """Return the words that were called for; only those of answers are sealed, and are never rendered anew."""
    body = open_body(said.body, row.RunText.sealed_body, row.RunText.id, vault) or ""
    return with_own_link(body, row.Delivery.address_id, row.Delivery.channel, to or "", vault)


def _number_of(phone: MemberPhone, vault: Vault) -> str | None:
    """Return the number of a member's phone; None where nobody can open it."""
    return vault.open_or_none(phone.sealed_number, **SEALED_NUMBER, row_id=phone.id)


def _handle_of(delivery: Delivery, address: Address | None, sender: SenderFacts, vault: Vault) -> str | None:
    """Return what was written to (the person's handle, or in a rehearsal its stand-in), None if it is damaged."""
    delivery_id = delivery.id
    if is_nobodys(delivery.address_id) and sender.is_rehearsal:
        return stand_in(delivery_id, sender.channel, country_of(delivery.address_id))
    if address is None:
        return None
    try:
        if sender.is_rehearsal:
            return find_stand_in(vault, delivery_id, sender.channel, address.country, address.lookup)
        return vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    except Exception:
        # Whatever is wrong with one row, the others are looked up.
        _log.exception("address %s of delivery %s cannot be deciphered", address.id, delivery_id)
        return None
