"""A data manager finds contacts of their own organisation by a whole phone number, some times within an hour.

Only contacts of the organisation are looked for: a number of another one's contact is as unknown as any other. How
often a member looked is counted in the audit, which keeps no number.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import lookups_of, number_key, read_number
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.errors import QuotaError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.staff import audit
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation
from campaigns.staff.queries import owned

#: Numbers that a member may type within a while, in all of their organisations.
MOST_NUMBERS, WHILE = 20, timedelta(hours=1)
#: Acts by which somebody can learn whose number is known: they count together.
FIND, ADD = "contact.find", "contact.add"


def find_by_number(session: Session, organisation_id: int, typed: str, *, by: int, vault: Vault) -> list[int]:
    """Return the ids of the organisation's contacts with a phone number, the first that was added comes first.

    Raises AddressError for what is no whole number, which does not count; QuotaError when the member typed too
    many lately.
    """
    number, _country = read_number(typed, default_country=None)
    spend_number(session, by)
    phone, lookups = number_key(vault, Channel.SMS, number), lookups_of(vault, number)
    is_it = or_(Address.number == phone, Address.lookup.in_(lookups))
    rows = owned(select(Address.contact_id).where(is_it), Address, organisation_id)
    found = sorted(set(session.scalars(rows)))
    organisation = session.get_one(Organisation, organisation_id)
    audit.record(
        session, FIND, subject=organisation, organisation_id=organisation_id, member_id=by, contacts=found
    )
    return found


def spend_number(session: Session, member_id: int) -> None:
    """Allow a member one more number. Raises QuotaError when they typed too many within the last hour.

    Holds the member until the transaction ends, so that two at once are two; who refers to them is not held up.
    """
    session.execute(select(Member.id).where(Member.id == member_id).with_for_update(key_share=True))
    organisations = select(Membership.organisation_id).where(Membership.member_id == member_id)
    typed = select(func.count()).where(
        AuditEntry.organisation_id.in_(organisations),
        AuditEntry.action.in_((FIND, ADD)),
        AuditEntry.at > clock.now() - WHILE,
        AuditEntry.member_id == member_id,
    )
    if (session.scalar(typed) or 0) >= MOST_NUMBERS:
        raise QuotaError(
            N_("Within an hour, a member may type %(most)s numbers of people. Go on later."), most=MOST_NUMBERS
        )
