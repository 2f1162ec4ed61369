"""The audit trail is one chain, and says where it was tampered with."""

from __future__ import annotations

from threading import Thread

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.staff.audit import GENESIS, record, verify_chain
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import an_organisation


def record_three(session: Session) -> list[AuditEntry]:
    organisation = an_organisation(session)
    return [
        record(
            session, f"test.{n}", subject=organisation, organisation_id=organisation.id, n=n, roles=(Role.ADMIN,)
        )
        for n in range(3)
    ]


def test_each_entry_carries_the_hash_before(session: Session) -> None:
    first, second, third = record_three(session)
    assert [first.previous_hash, second.previous_hash] == [GENESIS, first.hash]
    assert third.previous_hash == second.hash
    assert verify_chain(session) is None


def test_changed_entry_is_named(session: Session) -> None:
    second = record_three(session)[1]
    session.execute(update(AuditEntry).where(AuditEntry.id == second.id).values(detail={"n": 7}))
    assert verify_chain(session) == second.id


def test_gap_is_named_by_what_follows(session: Session) -> None:
    _, second, third = record_three(session)
    session.execute(delete(AuditEntry).where(AuditEntry.id == second.id))
    assert verify_chain(session) == third.id


def test_writers_at_once_keep_one_chain(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)

    def write(organisation: Organisation) -> None:
        for _ in range(10):
            with sessions.begin() as session:
                record(session, "test.write", subject=organisation, organisation_id=organisation.id)

    threads = [Thread(target=write, args=(organisation,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        assert len(session.scalars(select(AuditEntry.id)).all()) == 30
        assert verify_chain(session) is None
