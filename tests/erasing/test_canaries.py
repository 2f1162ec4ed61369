"""Nothing of erased people is found in the files of the database, its dump, its log, or the console."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, LargeBinary, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.ledger import grant
from campaigns.audience.consent.sealed_words import AboutFile, Evidence, seal_about
from campaigns.audience.models import Contact, ContactImport, ImportState, SuppressedAddress
from campaigns.core import clock
from campaigns.core.database import make_sessions, single_statements
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.states import SendState
from campaigns.erasing.leftovers import KEPT_FOR, SAMPLED, clean, go_on
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.gateways.callbacks import Inbound, InboundMedia, MediaKind
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.handing_over import service as hand_over
from campaigns.inbox.handing_over.service import Extract
from campaigns.inbox.holds import settling
from campaigns.inbox.media.models import Media
from campaigns.inbox.media.service import keep, transcribe
from campaigns.inbox.service import receive_inbound
from campaigns.messages.help_numbers import KnownHelp
from campaigns.schema import metadata
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    an_address,
    an_organisation,
)
from tests.inbox.builders import came_over
from tests.inbox.media.files import ogg
from tests.postgres import PostgresServer, empty_tables

pytestmark = pytest.mark.both_databases

OURS = "+48500100100"
NAMED = "Kanaryna"
_numbers = count(1)


def number_of(nth: int) -> str:
    return f"+38067654{nth:04}"


def fill(session: Session, vault: Vault, people: int) -> tuple[Organisation, Member, list[int]]:
    """People with a message, a question, an answer, a draft, a hold and a row in a contact file each."""
    organisation = an_organisation(session)
    member = a_member(session, organisation)
    sender = a_sender(session, organisation_id=organisation.id, identity=OURS)
    run = a_run(session, a_campaign(session, organisation, member))
    account, known = came_over(session), KnownHelp([], {}, 180)
    partner = an_organisation(session, name="Shelter", slug="shelter")
    a_member(session, partner, Role.RESPONDER, email="worker@example.org")
    ids = []
    for nth in range(people):
        contact = a_contact(session, organisation)
        address = an_address(session, contact, vault, number=number_of(nth))
        evidence = Evidence(f"form of {NAMED}", vault, organisation.id)
        grant(session, address, Declaration("import", evidence, clock.now()))
        sent = a_delivery(session, run, contact_id=contact.id, address_id=address.id, sender_id=sender.id)
        sent.send_state, sent.intent_at = SendState.ACCEPTED, clock.now()
        sent.provider_id = f"SMkanaryna{nth:022}"
        session.execute(insert(Receipt).values(**receipt_of(sent)))
        message = Inbound(f"SM{next(_numbers):032}", number_of(nth), OURS, f"I am {NAMED}, where to sleep?", "sms")
        assert receive_inbound(session, message, vault, account=account) is not None
        talk = session.scalars(select(Conversation).where(Conversation.contact_id == contact.id)).one()
        seen = conversations.seen_now(session, talk)
        conversations.answer(session, talk, f"Dear {NAMED}", by=member.id, seen=seen, vault=vault, known=known)
        if nth % 4 == 0:
            send_files(session, vault, nth, member)
        conversations.keep_draft(session, talk, f"And {NAMED}", by=member.id, vault=vault)
        if nth % 5 == 0:
            extract = Extract(partner.id, f"{NAMED} needs a bed", f"{NAMED} said yes")
            hand_over.offer(session, talk, extract, by=member.id, vault=vault)
        if nth % 3 == 0:
            settling.put_on_hold(session, contact, by=member.id, reason=f"{NAMED} lost it", vault=vault)
        if nth % 10 == 1:
            settling.opt_out(session, contact, by=member.id, reason=f"{NAMED} said so", vault=vault)
        ids.append(contact.id)
    rows = "\n".join(f"{number_of(nth)},uk" for nth in range(people))
    file = ContactImport(
        organisation_id=organisation.id, state=ImportState.CHECKED, report={}, created_at=clock.now()
    )
    session.add(file)
    session.flush()
    file.sealed_file = vault.seal(rows, table="contact_import", column="sealed_file", row_id=file.id)
    seal_about(file, AboutFile(f"{NAMED}.csv"), vault)
    return organisation, member, ids


def send_files(session: Session, vault: Vault, nth: int, member: Member) -> None:
    """Let somebody send a voice note, which a member writes down; the provider has it no more."""
    voice = InboundMedia(MediaKind.VOICE, f"MM{NAMED}/ME{nth}")
    said = Inbound(f"SM{next(_numbers):032}", number_of(nth), OURS, "", "sms", media=(voice,))
    reply = receive_inbound(session, said, vault, account=came_over(session))
    assert reply is not None
    file = session.scalars(select(Media).where(Media.reply_id == reply.id)).one()
    keep(file, ogg() + f"{NAMED} {nth}".encode(), vault=vault)
    file.sealed_source = None
    words, of = f"I am {NAMED}", member.memberships[0].organisation_id
    transcribe(session, file, words, by=member.id, organisation_id=of, vault=vault)


def receipt_of(sent: Delivery) -> dict[str, object]:
    raw = {"Note": sent.provider_id}
    facts = {"reference": sent.reference, "provider_id": sent.provider_id, "received_at": clock.now()}
    return {"gateway": "twilio", "status": "delivered", "raw": raw, **facts}


def secrets_of(session: Session) -> set[bytes]:
    """Every keyed hash and ciphertext, and every word by which a provider names their messages."""
    found: set[bytes] = set()
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                found |= {bytes(each) for each in session.scalars(select(column)) if each}
    for words in session.execute(select(Delivery.reference, Delivery.provider_id)):
        found |= {word.encode() for word in words if word}
    return found


def read_elsewhere(path: Path) -> bytes:
    """Read a file of a database in a process of its own.

    A process that closes a file loses its locks on it, so SQLite elsewhere would take its log for left behind
    and remove it (section 2.2 of https://sqlite.org/howtocorrupt.html).
    """
    return subprocess.run(["/bin/cat", path], check=True, capture_output=True).stdout


def files_of(engine: Engine) -> Iterator[tuple[Path, bytes]]:
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        for path in (database, database.with_name(f"{database.name}-wal")):
            yield path, read_elsewhere(path)
        return
    with engine.connect() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
        which = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    for path in (folder / "base" / str(which)).iterdir():
        yield path, path.read_bytes()


def dump(engine: Engine, postgres: PostgresServer, into: Path) -> bytes:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            return "\n".join(connection.connection.driver_connection.iterdump()).encode()  # type: ignore[union-attr]
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    postgres.run("pg_dump", address, into=into)
    return into.read_bytes()


@pytest.mark.parametrize("people", [25, pytest.param(100, marks=pytest.mark.long)])
def test_nothing_of_erased_people_is_found(
    people: int,
    engine: Engine,
    sessions: sessionmaker[Session],
    vault: Vault,
    postgres: PostgresServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    with sessions.begin() as session:
        before = secrets_of(session)
        _, member, ids = fill(session, vault, people)
        by = member.id
    with sessions() as session:
        kept = set(session.scalars(select(SuppressedAddress.lookup)))
        secrets = secrets_of(session) - before - kept
        # What belongs to the file, the member and the fixture itself is no person's.
        secrets -= set(session.scalars(select(ContactImport.sealed_about)))
    assert len(secrets) > 8 * people
    learn_values(engine)
    with sessions.begin() as session:
        for contact_id in ids:
            contact = session.get_one(Contact, contact_id)
            assert ask_to_erase(session, contact, by=by, why=Why.ASKED, words="", vault=vault)
    go_on(sessions, vault)
    # Within a day: for most of it, late receipts have to be known as theirs.
    later = clock.now() + KEPT_FOR
    monkeypatch.setattr(clock, "now", lambda: later)
    go_on(sessions, vault)
    assert clean(engine)
    written = dump(engine, postgres, tmp_path / "dump.sql")
    clear = [NAMED.encode(), *(number_of(nth).encode() for nth in range(people)), *map(bytes, secrets)]
    assert [canary for canary in clear if canary in written or canary.hex().encode() in written] == []
    if engine.dialect.name == "sqlite":
        # What anybody could read is gone from the file as it is.
        for path, content in files_of(engine):
            assert [canary for canary in clear[: people + 1] if canary in content] == [], path
    found = {"not looked for yet": 0}
    deadline = time.monotonic() + 90
    # As long as somebody reads an older state, even of another test, dead rows stay.
    while found and time.monotonic() < deadline:
        overwrite(engine)
        counted = {str(path): sum(canary in content for canary in clear) for path, content in files_of(engine)}
        found = {path: count for path, count in counted.items() if count}
    assert found == {}, readers_of(engine)
    assert [canary for canary in clear if canary.decode(errors="replace") in caplog.text] == []


def readers_of(engine: Engine) -> list[str]:
    """Who holds dead rows of PostgreSQL, for whoever has to find out why some were left."""
    if engine.dialect.name == "sqlite":
        return []
    asked = text(
        "SELECT concat_ws(' ', datname, state, backend_xmin, now() - xact_start, left(query, 200)) "
        "FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return list(connection.scalars(asked))


def learn_values(engine: Engine) -> None:
    """Let PostgreSQL note for its planner which values are there, as autovacuum does when it likes."""
    if engine.dialect.name == "postgresql":
        with single_statements(engine).connect() as connection:
            connection.exec_driver_sql(f"ANALYZE {', '.join(SAMPLED)}")


def overwrite(engine: Engine) -> None:
    """Do what an operator does who will not wait until dead rows and the gaps of index pages are overwritten."""
    with single_statements(engine).connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM FULL")
            connection.exec_driver_sql("CHECKPOINT")
        else:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def test_samples_of_an_empty_table_go_once_nobody_is_at_it(postgres_engine: Engine, vault: Vault) -> None:
    """ANALYZE leaves the samples of an emptied table; somebody who is at it does not wait behind us."""
    sampled = text("SELECT count(*) FROM pg_stats WHERE tablename = 'triage' AND attname = 'sealed_handle'")
    sessions = make_sessions(postgres_engine)
    with sessions.begin() as session:
        fill(session, vault, 5)
    learn_values(postgres_engine)
    empty_tables(postgres_engine)
    with postgres_engine.begin() as other:
        assert other.scalar(sampled) == 1
        other.execute(text("SELECT 1 FROM triage"))
        assert not clean(postgres_engine)
    assert clean(postgres_engine)
    with postgres_engine.connect() as connection:
        assert connection.scalar(sampled) == 0
