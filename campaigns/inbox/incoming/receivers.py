"""The account and the number that something came to say whom it is for; who wrote it never does.

Whom a person knows proves nothing: an organisation that imports somebody's number must not read from then on what
they write to another one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.settings import Settings
from campaigns.planning.models import Sender
from campaigns.staff.credentials import load_credentials


@dataclass(frozen=True, slots=True)
class Account:
    """The account at a provider over which something came in, as far as the provider proved it."""

    #: Name of the gateway.
    gateway: str
    #: The provider's name of the account.
    name: str
    #: Credentials that open it, as senders name them.
    secret_names: Collection[str]
    #: Organisations to which these belong.
    owners: frozenset[int]
    #: Whether the provider signs what it posts (`CallbackReader.is_signed`).
    is_signed: bool = True


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who was written to."""

    #: The only organisation it can be for; None where it may be for several, or for none.
    organisation_id: int | None = None
    #: All that it may be for.
    may_be: frozenset[int] = frozenset()
    #: The sender that it came to; None where we know none of this name.
    sender_id: int | None = None


def load_account(
    session: Session, settings: Settings, *, gateway: str, name: str, is_signed: bool = True
) -> Account:
    """Return what is known of an account of ours at a provider."""
    credentials = load_credentials(session, settings)
    names = credentials.opening(name) if name else []
    owners = frozenset[int]().union(*map(credentials.owners_of, names))
    return Account(gateway, name, names, owners, is_signed)


def find_receiver(session: Session, account: Account, to_handle: str, channel: Channel) -> Receiver:
    """Return whom something that came over an account to one of its numbers is for.

    A number is its sender's organisation's, if the account belongs to that. One that no sender has, or only that
    of a stranger to the account, is its owners': a pool of numbers has one name for all of them. A bot is known by
    its account.
    """
    is_named = and_(Sender.identity == to_handle, Sender.channel == channel)
    if to_handle == account.name:
        is_named = or_(is_named, Sender.secret_name.in_(account.secret_names))
    rows = session.execute(
        select(Sender.id, Sender.organisation_id, Sender.active)
        .where(Sender.gateway == account.gateway, is_named)
        .order_by(Sender.active.desc(), Sender.id)
    ).all()
    # A number may have been handed over: who has it in use is asked first.
    known = [row for row in rows if row.active == rows[0].active and _is_of(row.organisation_id, account)]
    several = [account.owners if row.organisation_id is None else {row.organisation_id} for row in known]
    may_be = frozenset[int]().union(*several) if known else account.owners
    only = next(iter(may_be)) if len(may_be) == 1 else None
    return Receiver(only, may_be, known[0].id if known else None)


def _is_of(organisation_id: int | None, account: Account) -> bool:
    return organisation_id is None or organisation_id in account.owners
