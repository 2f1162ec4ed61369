"""Imports reported reach: a dry run that changes nothing, then the file whole or not at all, and its undoing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RowProblem, RowsError, TransitionError
from campaigns.core.words import N_
from campaigns.places.geography.folded_names import fold
from campaigns.places.queries import region_ids
from campaigns.planning.models import Campaign
from campaigns.reach.imported.columns import all_fields
from campaigns.reach.imported.models import ColumnNames, FileState, ImportedReach, ReachFile, Source
from campaigns.reach.imported.queries import campaigns_by_code, find_same_file, own_names
from campaigns.reach.imported.reading import Reading, Report, Reported
from campaigns.staff import audit
from campaigns.staff.queries import get_owned, hold_organisation

#: Rows and problems that the page of a file shows.
SHOWN = 200


def check_file(
    session: Session,
    organisation_id: int,
    name: str,
    content: bytes,
    *,
    reading: Reading,
    report: Report,
    campaign_id: int | None,
    by: int | None,
) -> ReachFile:
    """Keep a file with what was found in it, and import nothing.

    `report` is what it holds, read as `with_own_names` says. Raises InputError for a file that counts already.
    """
    _check_campaign(session, organisation_id, campaign_id)
    digest = sha256(content).hexdigest()
    _refuse_repeated(session, organisation_id, digest)
    _check_codes(session, organisation_id, report)
    file = ReachFile(
        organisation_id=organisation_id,
        campaign_id=campaign_id,
        member_id=by,
        file_name=name[:200] or "report",
        source=reading.source,
        digest=digest,
        exported_on=reading.exported_on,
        state=FileState.CHECKED,
        reading=_kept(reading),
        report=_shown(report),
        content=content,
        created_at=clock.now(),
    )
    session.add(file)
    session.flush()
    _note(session, "reach.check_file", file, by)
    return file


def with_own_names(
    session: Session, organisation_id: int, reading: Reading, names: Mapping[str, str] | None = None
) -> Reading:
    """Return how an organisation reads a file: with what it said of columns before, and says of them now.

    `names` are fields by column name; '' is a column that means nothing. Raises InputError.
    """
    unknown = sorted(set((names or {}).values()) - {"", *all_fields()})
    if unknown:
        raise InputError(N_("There is no field %(name)s."), name=unknown[0])
    said = {fold(name): field for name, field in (names or {}).items()}
    return replace(reading, own_names=own_names(session, organisation_id, reading.source) | said)


def name_columns(session: Session, file: ReachFile, names: Mapping[str, str], *, report: Report, by: int) -> None:
    """Remember what columns of a source mean for this file and the next ones.

    `report` is what the file holds, read `with_own_names` and these. Raises InputError.
    """
    _require(file, FileState.CHECKED)
    source, organisation_id = Source(file.source), file.organisation_id
    said = dict(with_own_names(session, organisation_id, reading_of(file), names).own_names)
    kept = session.scalar(select(ColumnNames).filter_by(organisation_id=organisation_id, source=source))
    if kept is None:
        session.add(ColumnNames(organisation_id=organisation_id, source=source, fields=said))
    else:
        kept.fields = said
    session.flush()
    _check_codes(session, organisation_id, report)
    file.report = _shown(report)
    _note(session, "reach.name_columns", file, by)


def confirm_file(session: Session, file: ReachFile, *, report: Report, by: int) -> int:
    """Import a checked file whole, as it was read once more; return its number of rows.

    Raises RowsError, InputError or TransitionError.
    """
    _hold(session, file)
    _require(file, FileState.CHECKED)
    _refuse_repeated(session, file.organisation_id, file.digest)
    _check_codes(session, file.organisation_id, report)
    if report.problems:
        raise RowsError(report.problems)
    rows = _write(session, file, report.rows)
    _note(session, "reach.import", file, by, rows=rows)
    return rows


def cancel_file(session: Session, file: ReachFile, *, by: int) -> None:
    """Drop a checked file. Raises TransitionError."""
    _hold(session, file)
    _require(file, FileState.CHECKED)
    _decide(file, FileState.CANCELLED)
    _note(session, "reach.cancel_file", file, by)


def undo_file(session: Session, file: ReachFile, *, by: int) -> None:
    """Take the numbers of an imported file out again; that it was here stays known. Raises TransitionError."""
    _hold(session, file)
    _require(file, FileState.DONE)
    session.execute(delete(ImportedReach).where(ImportedReach.file_id == file.id))
    _decide(file, FileState.UNDONE)
    _note(session, "reach.undo_import", file, by)


def import_reach(
    session: Session,
    organisation_id: int,
    rows: Sequence[Reported],
    *,
    source: Source,
    exported_on: date,
    digest: str,
    name: str = "api",
    campaign_id: int | None = None,
    by: int | None = None,
) -> ReachFile:
    """Import numbers that a program reports: all, or none. `digest` (SHA-256) tells one report from another.

    Raises InputError for a report that counts already, RowsError for rows of unknown campaigns or regions.
    """
    _check_campaign(session, organisation_id, campaign_id)
    _refuse_repeated(session, organisation_id, digest)
    report = Report((), {}, rows=list(rows))
    _check_codes(session, organisation_id, report)
    if report.problems:
        raise RowsError(report.problems)
    reading = Reading(source, exported_on)
    file = ReachFile(
        organisation_id=organisation_id,
        campaign_id=campaign_id,
        member_id=by,
        file_name=name[:200],
        source=source,
        digest=digest,
        exported_on=exported_on,
        state=FileState.CHECKED,
        reading=_kept(reading),
        report=_shown(report),
        created_at=clock.now(),
    )
    session.add(file)
    session.flush()
    _note(session, "reach.import", file, by, rows=_write(session, file, rows))
    return file


def content_of(file: ReachFile) -> bytes:
    """Return a file that waits for a decision. Raises TransitionError when it was decided on."""
    _require(file, FileState.CHECKED)
    return file.content or b""


def reading_of(file: ReachFile) -> Reading:
    """Return the choices that a file is read with."""
    kept = dict(file.reading)
    days = {name: date.fromisoformat(kept[name]) if kept.get(name) else None for name in ("starts_on", "ends_on")}
    return Reading(**kept | days | {"source": Source(file.source), "exported_on": file.exported_on})


def names_shown(file: ReachFile) -> dict[str, str]:
    """Return what its columns meant by their names when a file was checked; '' is one that meant nothing."""
    names: dict[str, str] = {}
    for column in file.report["columns"]:
        name = fold(column["name"])
        if name:
            names[name] = names.get(name) or column["field"]
    return names


def _check_codes(session: Session, organisation_id: int, report: Report) -> None:
    """Refuse rows that quote a code which no campaign of the organisation has, or a region that is not loaded."""
    codes, regions = campaigns_by_code(session, organisation_id), region_ids(session)
    for row in report.rows:
        if row.campaign_code and row.campaign_code not in codes:
            template = N_("no campaign of yours has the code %(code)s.")
            report.problems.append(RowProblem(row.line, "code", template, {"code": row.campaign_code}))
        if row.region_code and row.region_code not in regions:
            template = N_("%(code)s is an area that our map does not draw.")
            report.problems.append(RowProblem(row.line, "region", template, {"code": row.region_code}))
    report.problems.sort(key=lambda problem: problem.line)


def _write(session: Session, file: ReachFile, rows: Sequence[Reported]) -> int:
    codes, regions = campaigns_by_code(session, file.organisation_id), region_ids(session)
    values = [_values(file, row, codes, regions) for row in rows]
    if values:
        session.execute(insert(ImportedReach), values)
    _decide(file, FileState.DONE)
    return len(values)


def _values(
    file: ReachFile, row: Reported, codes: Mapping[str, int], regions: Mapping[str, int]
) -> dict[str, Any]:
    same = {
        name: value
        for name, value in asdict(row).items()
        if name not in ("region_code", "by_name", "campaign_code")
    }
    return same | {
        "file_id": file.id,
        "organisation_id": file.organisation_id,
        "campaign_id": codes[row.campaign_code] if row.campaign_code else file.campaign_id,
        "source": file.source,
        "region_id": regions[row.region_code] if row.region_code else None,
    }


def _check_campaign(session: Session, organisation_id: int, campaign_id: int | None) -> None:
    if campaign_id is not None:
        get_owned(session, Campaign, campaign_id, organisation_id)


def _refuse_repeated(session: Session, organisation_id: int, digest: str) -> None:
    # Of two equal reports at one moment the later one waits for the first, and finds it.
    hold_organisation(session, organisation_id)
    same = find_same_file(session, organisation_id, digest)
    if same is not None:
        raise InputError(
            N_("The same file was imported on %(day)s as “%(name)s”. Undo that import first."),
            day=same.created_at.date().isoformat(),
            name=same.file_name,
        )


def _hold(session: Session, file: ReachFile) -> None:
    """Let two decisions on one file wait for each other."""
    session.execute(update(ReachFile).where(ReachFile.id == file.id).values(file_name=ReachFile.file_name))
    session.refresh(file)


def _require(file: ReachFile, state: FileState) -> None:
    if file.state != state:
        raise TransitionError(N_("This file was decided on already."))


def _decide(file: ReachFile, state: FileState) -> None:
    file.state, file.decided_at, file.content = state, clock.now(), None


def _kept(reading: Reading) -> dict[str, Any]:
    kept = asdict(reading)
    for name in ("source", "exported_on", "own_names"):
        kept.pop(name)
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in kept.items()}


def _shown(report: Report) -> dict[str, Any]:
    """Return what the page of a file shows: it needs no second reading of the file."""
    rows = [
        {"line": row.line, "label": row.label, "region": row.region_code, "country": row.country}
        | {"by_name": row.by_name, "people": row.people, "starts_on": row.starts_on.isoformat()}
        | {"ends_on": row.ends_on.isoformat(), "recurrent": row.recurrent, "method": row.method}
        for row in report.rows[:SHOWN]
    ]
    return {
        "rows": len(report.rows),
        "largest": max((row.people for row in report.rows), default=0),
        "contacts": sum(row.people for row in report.rows),
        "recurrent": sum(row.people for row in report.rows if row.recurrent),
        "by_name": sum(row.by_name for row in report.rows),
        "totals": report.totals[:SHOWN],
        "planned": report.planned[:SHOWN],
        "columns": [{"name": name, "field": _field_at(report, at)} for at, name in enumerate(report.columns)],
        "shown": rows,
        "bad_rows": len({problem.line for problem in report.problems}),
        "problems": [_as_json(problem) for problem in report.problems[:SHOWN]],
    }


def _field_at(report: Report, at: int) -> str:
    return next((field for field, position in report.fields.items() if position == at), "")


def _as_json(problem: RowProblem) -> dict[str, Any]:
    kept = asdict(problem)
    return kept | {"values": {name: str(value) for name, value in kept["values"].items()}}


def _note(session: Session, action: str, file: ReachFile, by: int | None, **detail: Any) -> None:
    about = {"file": file.id, "source": str(file.source)} | detail
    audit.record(session, action, subject=file, organisation_id=file.organisation_id, member_id=by, **about)
