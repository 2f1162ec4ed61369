"""Verbs on audiences and contact files; each leaves one audit entry, without an address, and none commits."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience import intake
from campaigns.audience.importer import ContactReader, ContactRow
from campaigns.audience.models import Audience, ContactImport, ImportState
from campaigns.audience.placing import Placing
from campaigns.audience.queries import find_unknown
from campaigns.audience.rules import AudienceRule
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.errors import (
    InputError,
    RowProblem,
    RowsError,
    TooManyRowsError,
    TransitionError,
)
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.places.sheet import name_of_coding, recognise_coding, recognise_text
from campaigns.staff import audit
from campaigns.staff.models import Organisation

NAME_LIMIT = 200
#: Bad rows that a report keeps; it counts them all.
SHOWN_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class Report:
    """What a dry run found, or an import did; no address is in it."""

    rows: int = 0
    #: Contacts that were (or would be) added, and known ones whose language or position was brought up to date.
    added: int = 0
    updated: int = 0
    #: People who said stop earlier: they are left out whatever the file says.
    said_stop: int = 0
    bad_rows: int = 0
    #: "utf-8", "utf-16" or "cp1251": what the file was read as.
    encoding: str = ""
    #: The first bad rows, kept by template and values, so that each reader is told in their own language.
    problems: list[RowProblem] = field(default_factory=list)


def create_audience(
    session: Session, organisation_id: int, *, name: str, rule: AudienceRule, by: int | None
) -> Audience:
    """Save a rule under a name.

    Raises InputError for a name that is missing or too long, AudienceRuleError for a rule that names what the
    organisation does not have.
    """
    check_rule(session, organisation_id, rule)
    now = clock.now()
    audience = Audience(
        organisation_id=organisation_id, name=_named(name), rule=rule.to_json(), created_at=now, updated_at=now
    )
    session.add(audience)
    session.flush()
    _record(session, "audience.create", audience, by)
    return audience


def update_audience(session: Session, audience: Audience, *, name: str, rule: AudienceRule, by: int) -> None:
    """Change a saved rule; campaigns that were approved with the old one must be approved again.

    Raises what `create_audience` raises.
    """
    check_rule(session, audience.organisation_id, rule)
    audience.name, audience.rule = _named(name), rule.to_json()
    audience.updated_at = clock.now()
    _record(session, "audience.update", audience, by)


def check_rule(session: Session, organisation_id: int, rule: AudienceRule) -> None:
    """Raise AudienceRuleError when a rule names a place, stop, region or language that does not exist."""
    for unknown in find_unknown(session, organisation_id, rule):
        raise unknown


def check_file(
    session: Session,
    organisation_id: int,
    file_name: str,
    data: bytes,
    *,
    by: int | None,
    vault: Vault,
    settings: Settings,
    default_country: str | None = None,
) -> ContactImport:
    """Read a contact file without importing it, and keep it sealed until somebody decides.

    Raises FileFormatError or TooManyRowsError when the file as a whole cannot be read; what is wrong with single
    rows is in the report.
    """
    _limit_size(len(data), settings)
    text, encoding = recognise_text(data)
    reader = _reader(io.StringIO(text, newline=""), default_country=default_country, settings=settings)
    report = _dry_run(session, organisation_id, reader, vault=vault)
    waiting = ContactImport(
        organisation_id=organisation_id,
        member_id=by,
        file_name=file_name[:NAME_LIMIT],
        state=ImportState.CHECKED,
        report=asdict(replace(report, encoding=encoding)),
        created_at=clock.now(),
    )
    session.add(waiting)
    session.flush()
    kept = f"{default_country or ''}\n{text}"
    waiting.sealed_file = vault.seal(kept, table="contact_import", column="sealed_file", row_id=waiting.id)
    _record(session, "contacts.check", waiting, by, rows=reader.good_rows, bad_rows=report.bad_rows)
    return waiting


def confirm_import(
    session: Session, waiting: ContactImport, *, by: int | None, vault: Vault, settings: Settings
) -> Report:
    """Import a checked file whole. Raises TransitionError when it is decided already, RowsError for a bad row."""
    session.refresh(waiting, with_for_update=True)
    if waiting.state != ImportState.CHECKED or waiting.sealed_file is None:
        raise TransitionError(N_("This file has been imported or cancelled already."))
    kept = vault.open(waiting.sealed_file, table="contact_import", column="sealed_file", row_id=waiting.id)
    country, _, text = kept.partition("\n")
    reader = _reader(io.StringIO(text, newline=""), default_country=country or None, settings=settings)
    report = _import(session, waiting.organisation_id, reader, vault=vault)
    report = replace(report, encoding=waiting.report.get("encoding", ""))
    _decide(waiting, ImportState.DONE, report)
    _record(session, "contacts.import", waiting, by, **_counts(report))
    return report


def cancel_import(session: Session, waiting: ContactImport, *, by: int) -> None:
    """Drop a checked file unread. Raises TransitionError when it is decided already."""
    session.refresh(waiting, with_for_update=True)
    if waiting.state != ImportState.CHECKED:
        raise TransitionError(N_("This file has been imported or cancelled already."))
    _decide(waiting, ImportState.CANCELLED, None)
    _record(session, "contacts.cancel", waiting, by)


def import_file(
    session: Session,
    organisation_id: int,
    file_name: str,
    data: bytes | BinaryIO,
    *,
    by: int | None,
    vault: Vault,
    settings: Settings,
    default_country: str | None = None,
) -> Report:
    """Check and import a contact file in one go. Raises RowsError for any bad row: then nothing is imported.

    A file given open is read as it goes: memory does not grow with its length.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    _limit_size(file.seek(0, io.SEEK_END), settings)
    coding = recognise_coding(file)
    done = ContactImport(
        organisation_id=organisation_id,
        member_id=by,
        file_name=file_name[:NAME_LIMIT],
        state=ImportState.CHECKED,
        report={},
        created_at=clock.now(),
    )
    session.add(done)
    session.flush()
    lines = io.TextIOWrapper(file, coding, newline="")
    reader = _reader(lines, default_country=default_country, settings=settings)
    report = replace(_import(session, organisation_id, reader, vault=vault), encoding=name_of_coding(coding))
    # The file stays open: it is not ours to close.
    lines.detach()
    _decide(done, ImportState.DONE, report)
    _record(session, "contacts.import", done, by, **_counts(report))
    return report


def _limit_size(size: int, settings: Settings) -> None:
    if size > settings.import_max_megabytes * 1024 * 1024:
        raise TooManyRowsError(
            N_("The file is larger than %(limit)s MB. Split it."), limit=settings.import_max_megabytes
        )


def _reader(lines: Iterable[str], *, default_country: str | None, settings: Settings) -> ContactReader:
    return ContactReader(
        lines, default_country=default_country, max_rows=settings.import_max_rows, now=clock.now()
    )


def _dry_run(session: Session, organisation_id: int, reader: ContactReader, *, vault: Vault) -> Report:
    placing = Placing(session, organisation_id)
    counts = intake.count_people(session, organisation_id, _placed(reader, placing), vault=vault)
    problems = _problems(reader, placing)
    return Report(
        rows=reader.rows,
        bad_rows=len({problem.line for problem in problems}),
        problems=problems[:SHOWN_PROBLEMS],
        **asdict(counts),
    )


def _import(session: Session, organisation_id: int, reader: ContactReader, *, vault: Vault) -> Report:
    # One file of an organisation at a time: two that hold the same person would both find nobody. Rows that refer
    # to the organisation are not held up by this lock.
    session.execute(
        select(Organisation.id).where(Organisation.id == organisation_id).with_for_update(key_share=True)
    )
    placing = Placing(session, organisation_id)
    # Rows are written while later ones are still unread, so a bad one takes back what is there already.
    with session.begin_nested():
        going = _until_fault(reader, placing)
        counts = intake.take_in(session, organisation_id, going, placing=placing, vault=vault)
        problems = _problems(reader, placing)
        if problems:
            raise RowsError(problems)
    return Report(rows=reader.rows, **asdict(counts))


def _placed(reader: ContactReader, placing: Placing) -> Iterator[list[ContactRow]]:
    for batch in reader.batches(intake.BATCH):
        placing.place(batch)
        yield batch


def _until_fault(reader: ContactReader, placing: Placing) -> Iterator[list[ContactRow]]:
    """Give batches as long as nothing is wrong; the rest of the file is read only for what else is."""
    for batch in _placed(reader, placing):
        if not reader.problems and not placing.problems:
            yield batch


def _problems(reader: ContactReader, placing: Placing) -> list[RowProblem]:
    return sorted([*reader.problems, *placing.problems], key=lambda problem: problem.line)


def _decide(waiting: ContactImport, state: ImportState, report: Report | None) -> None:
    waiting.state, waiting.sealed_file, waiting.decided_at = state, None, clock.now()
    if report is not None:
        waiting.report = asdict(report)


def _counts(report: Report) -> dict[str, int]:
    return {"rows": report.rows, "added": report.added, "updated": report.updated, "said_stop": report.said_stop}


def _named(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > NAME_LIMIT:
        raise InputError(N_("An audience needs a name of at most %(limit)s characters."), limit=NAME_LIMIT)
    return clean


def _record(session: Session, action: str, subject: Any, by: int | None, **detail: Any) -> None:
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)
