"""Whoever runs an instance gives replies and complaints to readers, and reads addresses to enter at providers."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.gateways.factory import hook_addresses
from campaigns.gateways.kinds import Credential, gateway_kinds
from campaigns.inbox.complaints.models import Complaint
from campaigns.inbox.complaints.service import find_unread, give
from campaigns.inbox.display import visible
from campaigns.inbox.incoming.triage import Unassigned, assign, count_unassigned, find_unassigned, read_text
from campaigns.staff.models import Organisation
from campaigns.staff.queries import get_organisation

#: Lines that one list has.
MOST_LISTED = 200


def list_unassigned(session: Session) -> Iterator[str]:
    """Yield a line about each reply in triage, the oldest first; none has a text or a handle of a person."""
    found = find_unassigned(session, limit=MOST_LISTED)
    yield from map(_line, found)
    others = count_unassigned(session) - len(found)
    if others > 0:
        yield f"… and {others:,} others."
    elif not found:
        yield "Nothing is in triage."


def show_text(session: Session, reply_id: int, *, vault: Vault) -> str:
    """Return a text as it can be shown safely on a terminal; that it was read is in the audit trail."""
    text = read_text(session, reply_id, vault=vault)
    if text is None:
        return "This text cannot be deciphered with the keys of this system."
    return visible(text) or "No text."


def assign_to(session: Session, slug: str, reply_ids: tuple[int, ...], *, vault: Vault) -> int:
    """Give replies in triage to an organisation; return how many. Raises NotFoundError for a wrong number."""
    organisation = get_organisation(session, slug)
    return len([assign(session, reply_id, organisation, vault=vault) for reply_id in sorted(set(reply_ids))])


def list_unread_complaints(session: Session) -> Iterator[str]:
    """Yield a line about each complaint that nobody reads, the oldest first; none has a word of it."""
    found = find_unread(session)
    about = select(Organisation.id, Organisation.slug)
    slugs = {row.id: row.slug for row in session.execute(about)} if found else {}
    for each in found:
        yield f"{each.id}  {each.marked_at:%Y-%m-%d %H:%M}Z  about {slugs[each.organisation_id]}"
    if not found:
        yield "Every complaint is read by somebody."


def give_complaint_to(session: Session, number: int, slug: str) -> None:
    """Let an organisation read a complaint that nobody reads. Raises NotFoundError for a wrong number or name."""
    organisation, complaint = get_organisation(session, slug), session.get(Complaint, number)
    if complaint is None:
        raise NotFoundError(f"There is no complaint {number}.")
    give(session, complaint, organisation)


def addresses_of(settings: Settings, name: str) -> Iterator[str]:
    """Yield the addresses that a provider posts to for a credential. Raises SettingsError when it is not set."""
    credential = Credential(*settings.secret(name))
    kinds = [kind for kind in gateway_kinds().values() if kind.reaches_people and kind.reader([credential])]
    for kind in kinds:
        if kind.is_told_by_us:
            yield f"{kind.title} is told by the worker: there is nothing to enter."
        for what, url in hook_addresses(kind, settings, name).items():
            yield f"{kind.title}, {what}: {url}"
    if not kinds:
        yield "No provider has such an account."


def _line(each: Unassigned) -> str:
    came_to = visible(each.came_to) or "a number that was not kept"
    where = f"{each.gateway} {visible(each.account)}".strip()
    at = f"{each.received_at:%Y-%m-%d %H:%M}Z"
    return f"{each.reply_id}  {at}  {each.kind}  {each.channel} to {came_to} ({where}, {each.reason})"
