"""Seals what earlier versions wrote of people in clear: evidence of consent, and names and wrong cells of files.

`fingerpost setup` does it once the tables have room for it: it has the keys, which a migration need not have.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile, Evidence, seal_about
from campaigns.audience.loading import new_rows
from campaigns.audience.models import Consent, ConsentKind, ContactImport
from campaigns.core.errors import RowProblem
from campaigns.core.keys.crypto import Vault

BATCH = 2000
#: How the ledger names what a member decided.
_MEMBER = "member"


def seal_old_words(sessions: sessionmaker[Session], vault: Vault, *, batch: int = BATCH) -> int:
    """Seal all such words and leave nothing of them in clear; return in how many rows there were any."""
    return sum(_until_done(sessions, vault, seal, batch) for seal in (_seal_evidence, _seal_files))


def _until_done(
    sessions: sessionmaker[Session], vault: Vault, seal: Callable[[Session, Vault, int], int], batch: int
) -> int:
    sealed = 0
    while True:
        with sessions.begin() as session:
            count = seal(session, vault, batch)
        sealed += count
        if count < batch:
            return sealed


def _seal_evidence(session: Session, vault: Vault, batch: int) -> int:
    # The other lines name a version, a code or a reply: words of our own.
    is_free = or_(
        Consent.method == _MEMBER,
        and_(Consent.method == new_rows.METHOD, Consent.kind == ConsentKind.GRANTED),
    )
    in_clear = select(Consent).where(is_free, Consent.wording != "").order_by(Consent.id).limit(batch)
    rows = [
        {
            "id": line.id,
            "wording": "",
            "sealed_evidence": Evidence(line.wording, vault).sealed_for(line.address_id),
        }
        for line in session.scalars(in_clear.with_for_update())
    ]
    if rows:
        session.execute(update(Consent), rows)
    return len(rows)


def _seal_files(session: Session, vault: Vault, batch: int) -> int:
    in_clear = select(ContactImport).where(ContactImport.sealed_about.is_(None)).order_by(ContactImport.id)
    files = session.scalars(in_clear.limit(batch).with_for_update()).all()
    for file in files:
        report = dict(file.report)
        problems = [RowProblem(**kept) for kept in report.pop("problems", ())]
        seal_about(file, AboutFile(file.file_name, problems), vault)
        file.file_name, file.report = "", report
    return len(files)
