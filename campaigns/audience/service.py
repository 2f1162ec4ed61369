"""Verbs on audiences and contact files; each leaves one audit entry, without an address, and none commits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience import intake
from campaigns.audience.importer import ContactSheet, read_contacts
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
from campaigns.places.sheet import recognise_text
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
    text, encoding = _decoded(data, settings)
    sheet, _ = _read(session, organisation_id, text, default_country=default_country, settings=settings)
    waiting = ContactImport(
        organisation_id=organisation_id,
        member_id=by,
        file_name=file_name[:NAME_LIMIT],
        state=ImportState.CHECKED,
        report=asdict(_dry_run(session, organisation_id, sheet, vault=vault, encoding=encoding)),
        created_at=clock.now(),
    )
    session.add(waiting)
    session.flush()
    kept = f"{default_country or ''}\n{text}"
    waiting.sealed_file = vault.seal(kept, table="contact_import", column="sealed_file", row_id=waiting.id)
    _record(session, "contacts.check", waiting, by, rows=len(sheet.rows), bad_rows=waiting.report["bad_rows"])
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
    report = _import(
        session, waiting.organisation_id, text, default_country=country or None, vault=vault, settings=settings
    )
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
    data: bytes,
    *,
    by: int | None,
    vault: Vault,
    settings: Settings,
    default_country: str | None = None,
) -> Report:
    """Check and import a contact file in one go. Raises RowsError for any bad row: then nothing is imported."""
    text, encoding = _decoded(data, settings)
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
    report = _import(
        session, organisation_id, text, default_country=default_country, vault=vault, settings=settings
    )
    report = replace(report, encoding=encoding)
    _decide(done, ImportState.DONE, report)
    _record(session, "contacts.import", done, by, **_counts(report))
    return report


def _decoded(data: bytes, settings: Settings) -> tuple[str, str]:
    if len(data) > settings.import_max_megabytes * 1024 * 1024:
        raise TooManyRowsError(
            N_("The file is larger than %(limit)s MB. Split it."), limit=settings.import_max_megabytes
        )
    return recognise_text(data)


def _read(
    session: Session, organisation_id: int, text: str, *, default_country: str | None, settings: Settings
) -> tuple[ContactSheet, Placing]:
    sheet = read_contacts(
        text, default_country=default_country, max_rows=settings.import_max_rows, now=clock.now()
    )
    placing = Placing(session, organisation_id, sheet.rows)
    sheet.problems.extend(placing.problems)
    sheet.problems.sort(key=lambda problem: problem.line)
    return sheet, placing


def _dry_run(
    session: Session, organisation_id: int, sheet: ContactSheet, *, vault: Vault, encoding: str
) -> Report:
    counts = intake.count_people(session, organisation_id, sheet.rows, vault=vault)
    return Report(
        rows=len({row.line for row in sheet.rows} | {problem.line for problem in sheet.problems}),
        bad_rows=len({problem.line for problem in sheet.problems}),
        problems=sheet.problems[:SHOWN_PROBLEMS],
        encoding=encoding,
        **asdict(counts),
    )


def _import(
    session: Session,
    organisation_id: int,
    text: str,
    *,
    default_country: str | None,
    vault: Vault,
    settings: Settings,
) -> Report:
    # One file of an organisation at a time: two that hold the same person would both find nobody. Rows that refer
    # to the organisation are not held up by this lock.
    session.execute(
        select(Organisation.id).where(Organisation.id == organisation_id).with_for_update(key_share=True)
    )
    sheet, placing = _read(session, organisation_id, text, default_country=default_country, settings=settings)
    if sheet.problems:
        raise RowsError(sheet.problems)
    counts = intake.take_in(session, organisation_id, sheet.rows, placing=placing, vault=vault)
    return Report(rows=len(sheet.rows), **asdict(counts))


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
