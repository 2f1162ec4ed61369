"""A data manager adds one person who agreed, as a file with one row would, and as silent on who opted out.

The ledger names it as it names a file: what somebody else says of a consent is no word of the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy.orm import Session

from campaigns.audience.by_hand.contact_changes import Told, moment_of, today_of
from campaigns.audience.by_hand.number_search import ADD, spend_number
from campaigns.audience.consent.handles import Handle, read_handle
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.files.contact_reader import ContactFile, Ending
from campaigns.audience.models import Channel
from campaigns.audience.taking_in import import_people
from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.staff import audit
from campaigns.staff.models import Organisation


@dataclass(frozen=True, slots=True)
class Agreed:
    """How somebody can be written to, and how and when they agreed to it."""

    #: As it was typed.
    number: str
    channels: tuple[Channel, ...]
    #: None is refused.
    on: date | None
    how: str
    #: Names of groups, as the cell of a file has them.
    groups: str = ""


def add_person(
    session: Session, organisation_id: int, agreed: Agreed, told: Told, *, by: int, vault: Vault
) -> None:
    """Add somebody to the contacts, or bring a known one up to date; nobody is told who opted out before.

    Raises AddressError for a number that is none, InputError for a day that is yet to come or a place without one,
    QuotaError when the member typed too many numbers lately.
    """
    handles = tuple(read_handle(channel, agreed.number, default_country=None) for channel in agreed.channels)
    row = _row(handles, agreed, told, today=today_of(session, organisation_id))
    spend_number(session, by)
    found = ContactFile(iter([[row]]), Ending("utf-8", rows=1, good_rows=1, bad_rows=0, problems=[]))
    import_people(session, organisation_id, found, vault=vault)
    organisation = session.get_one(Organisation, organisation_id)
    audit.record(session, ADD, subject=organisation, organisation_id=organisation_id, member_id=by)


def _row(handles: tuple[Handle, ...], agreed: Agreed, told: Told, *, today: date) -> ContactRow:
    if agreed.on is None or agreed.on > today:
        raise InputError(N_("Say on which day they agreed; it cannot be in the future."))
    return ContactRow(
        line=1,
        handles=handles,
        language=told.language,
        other_language=told.other_language,
        position=None,
        place=told.place.key if told.place else None,
        region=None,
        position_at=moment_of(told.seen_on, today=today) if told.place else None,
        # Where it is today already, UTC may not have come to it: nobody agrees later than now.
        consent_at=min(datetime.combine(agreed.on, time(0), UTC), clock.now()),
        consent_how=" ".join(agreed.how.split()),
        groups=agreed.groups,
    )
