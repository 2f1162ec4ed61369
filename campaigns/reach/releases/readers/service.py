"""Readers get links to releases by e-mail: their addresses are sealed, and links are signed and end."""

from __future__ import annotations

import re

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, SignatureError
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.core.mail.smtp import is_address
from campaigns.core.words import N_
from campaigns.reach.releases.models import Every, ReportReader
from campaigns.staff import audit
from campaigns.staff.queries import owned

#: How many days a link opens releases.
LINK_DAYS = 90
_SALT = "report"
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+")


def add_reader(
    session: Session, vault: Vault, organisation_id: int, *, address: str, language: str, every: str, by: int
) -> ReportReader:
    """Let an address get reports; one that was removed gets them again, but its old links stay worthless.

    Raises InputError for what cannot be an address, an unknown language or schedule, and a reader that there is.
    """
    address = address.strip().casefold()
    if len(address) > 254 or not (_EMAIL.fullmatch(address) and is_address(address)):
        raise InputError(N_("This cannot be an e-mail address."))
    if language not in INTERFACE_LANGUAGES or every not in set(Every):
        raise InputError(N_("Choose a language and how often."))
    lookup = vault.lookup_hash("email", address)
    statement = owned(select(ReportReader), ReportReader, organisation_id).where(ReportReader.lookup == lookup)
    reader = session.scalar(statement)
    if reader is not None and reader.removed_at is None:
        raise InputError(N_("This address gets reports already."))
    if reader is not None:
        _forget(session, reader)
    # Always a new row: links name its id.
    reader = ReportReader(organisation_id=organisation_id, address=b"", lookup=lookup, created_at=clock.now())
    reader.language, reader.every, reader.created_by_id = language, Every(every), by
    session.add(reader)
    session.flush()
    reader.address = vault.seal(address, table="report_reader", column="address", row_id=reader.id)
    audit.record(
        session, "reader.add", subject=reader, organisation_id=organisation_id, member_id=by, every=reader.every
    )
    return reader


def remove_reader(session: Session, reader: ReportReader, *, by: int) -> None:
    """Let somebody get no more reports and forget their address; their links open nothing from now on."""
    reader.removed_at = reader.removed_at or clock.now()
    _forget(session, reader)
    audit.record(session, "reader.remove", subject=reader, organisation_id=reader.organisation_id, member_id=by)


def _forget(session: Session, reader: ReportReader) -> None:
    """Remove the address of somebody who was removed; the row stays for the mails that were sent."""
    reader.address, reader.lookup = b"", f"removed {reader.id}".encode()
    session.flush()


def select_readers(organisation_id: int) -> Select[ReportReader]:
    """Select who gets reports of an organisation, the newest first."""
    readers = owned(select(ReportReader), ReportReader, organisation_id)
    return readers.where(ReportReader.removed_at.is_(None)).order_by(ReportReader.id.desc())


def sign_link(secret_key: str, reader_id: int) -> str:
    """Return the word in the address of a reader's reports."""
    return str(URLSafeTimedSerializer(secret_key, salt=_SALT).dumps(reader_id))


def open_link(session: Session, secret_key: str, word: str) -> ReportReader:
    """Return the reader that a link was made for. Raises SignatureError for one that is forged, old or revoked."""
    try:
        age = LINK_DAYS * 24 * 3600
        reader_id = URLSafeTimedSerializer(secret_key, salt=_SALT).loads(word, max_age=age)
    except BadSignature:
        reader_id = None
    reader = session.get(ReportReader, reader_id) if isinstance(reader_id, int) else None
    if reader is None or reader.removed_at is not None:
        raise SignatureError(N_("This link is not good any more. Ask whoever sent it for a new one."))
    return reader
