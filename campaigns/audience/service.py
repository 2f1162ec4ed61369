"""These verbs change audiences and contact files: each leaves an audit entry without an address, none commits."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.sealed_words import AboutFile, open_about, seal_about
from campaigns.audience.file_telling import NOTHING_TOLD, FileTelling
from campaigns.audience.files import watch
from campaigns.audience.files.contact_reader import ContactFile, Ending
from campaigns.audience.files.import_report import (
    Report,
    about_file,
    counts_of,
    kept_of,
)
from campaigns.audience.files.staging import Doing, Staged, Tell, limit_size, staged, untold
from campaigns.audience.grouping import hold_groups
from campaigns.audience.models import Audience, ContactImport, ImportState
from campaigns.audience.queries import find_gone, find_rule_writers, find_unknown
from campaigns.audience.rules import AudienceRule
from campaigns.audience.taking_in import checking, import_people, made_beforehand, require_none
from campaigns.core import clock
from campaigns.core.errors import AudienceRuleError, InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.disk_room import needing_room
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.staff import audit

NAME_LIMIT = 200
#: In the report of a file that is not checked yet: which other one it takes the place of.
INSTEAD_OF = "instead_of"
#: Letters of a file that are written at once.
PIECE = 1 << 20
_DECIDED = N_("This file has been imported or discarded already.")


def create_audience(
    session: Session, organisation_id: int, *, name: str, rule: AudienceRule, by: int | None
) -> Audience:
    """Save a rule under a name.

    Raises InputError for a name that is missing or too long, AudienceRuleError for a rule that names what the
    organisation does not have.
    """
    audience = _added(session, organisation_id, name=name, rule=rule)
    record(session, "audience.create", audience, by)
    return audience


def update_audience(session: Session, audience: Audience, *, name: str, rule: AudienceRule, by: int) -> None:
    """Change a saved rule; campaigns that were approved with the old one must be approved again.

    Raises what `create_audience` and `check_not_widened` raise.
    """
    check_not_widened(session, audience, rule)
    check_rule(session, audience.organisation_id, rule)
    audience.name, audience.rule = _named(name), rule.to_json()
    audience.updated_at = clock.now()
    record(session, "audience.update", audience, by)


def duplicate_audience(session: Session, audience: Audience, *, by: int) -> Audience:
    """Copy a saved rule; whoever wrote the original wrote the copy, too, and approves nothing that uses it.

    Raises AudienceRuleError for a rule that names what is there no more.
    """
    name, rule = f"{audience.name[: NAME_LIMIT - 2]} 2", AudienceRule.from_json(audience.rule)
    writers = sorted(find_rule_writers(session, audience.id) - {by})
    copy = _added(session, audience.organisation_id, name=name, rule=rule)
    record(session, "audience.duplicate", copy, by, original_id=audience.id, writers=writers)
    return copy


def check_rule(session: Session, organisation_id: int, rule: AudienceRule) -> None:
    """Raise AudienceRuleError when a rule names a place, stop, region, group or language that does not exist.

    The groups that it names are held: none is deleted before the rule is saved.
    """
    hold_groups(session, organisation_id, rule.group_ids)
    for unknown in find_unknown(session, organisation_id, rule):
        raise unknown


def check_not_widened(session: Session, audience: Audience, rule: AudienceRule) -> None:
    """Raise AudienceRuleError when a rule that loses the places and routes it had means people everywhere.

    Those that were deleted are not on the page, so nobody chose to take them out of it.
    """
    if not rule.adds_up and is_gone(session, audience):
        raise AudienceRuleError(
            N_(
                "Places or routes of this audience were deleted, and without any it means people everywhere: "
                "choose others."
            )
        )


def is_gone(session: Session, audience: Audience) -> bool:
    """Say whether a place or route that an audience means is there no more."""
    try:
        saved = AudienceRule.from_json(audience.rule)
    except AudienceRuleError:
        return False
    return find_gone(session, audience.organisation_id, saved)


def keep_file(
    session: Session,
    organisation_id: int,
    file_name: str,
    data: bytes,
    *,
    found: ContactFile,
    report: Report,
    by: int | None,
    vault: Vault,
    telling: FileTelling = NOTHING_TOLD,
    instead_of: ContactImport | None = None,
) -> ContactImport:
    """Keep a file sealed, with what a dry run found in it, until somebody decides; nothing is imported.

    It may take the place of another one that waits, which is dropped. Raises TransitionError when that one does
    not wait any more, QuotaError when the member or the organisation had too many files checked lately.
    """
    waiting = begin_check(session, organisation_id, file_name, by=by, vault=vault, instead_of=instead_of)
    keep_checked(session, waiting, data, ending=found.ending, report=report, telling=telling, vault=vault)
    return waiting


def begin_check(
    session: Session,
    organisation_id: int,
    file_name: str,
    *,
    by: int | None,
    vault: Vault,
    instead_of: ContactImport | None = None,
) -> ContactImport:
    """Return the row of a file that is to be checked; the other one waits till then. Raises as `keep_file`."""
    watch.spend_check(session, organisation_id, member_id=by)
    if instead_of is not None:
        session.refresh(instead_of, with_for_update=True)
        require_undecided(instead_of)
    begun = _begun(session, organisation_id, file_name, by=by, vault=vault)
    if instead_of is not None:
        begun.report = {INSTEAD_OF: instead_of.id}
    return begun


def keep_checked(
    session: Session,
    waiting: ContactImport,
    data: bytes,
    *,
    ending: Ending,
    report: Report,
    telling: FileTelling,
    vault: Vault,
) -> None:
    """Keep a file that was checked until somebody decides, and record the check."""
    _drop_earlier(session, waiting.report.get(INSTEAD_OF), vault=vault)
    waiting.state, waiting.report = ImportState.CHECKED, kept_of(report)
    seal_about(waiting, about_file(open_about(waiting, vault).name, report), vault)
    kept = f"{telling.to_line()}\n{data.decode(ending.coding)}"
    waiting.sealed_file = vault.seal(kept, table="contact_import", column="sealed_file", row_id=waiting.id)
    told = {"rows": ending.good_rows, "numbers": report.numbers, "bad_rows": report.bad_rows}
    record(session, "contacts.check", waiting, waiting.member_id, **told)


def _drop_earlier(session: Session, earlier_id: int | None, *, vault: Vault) -> None:
    """Drop the file whose place another one takes, unless somebody has decided on it, or does just now."""
    earlier = select(ContactImport).where(ContactImport.id == earlier_id, ContactImport.confirmed_by_id.is_(None))
    earlier = earlier.where(ContactImport.state == ImportState.CHECKED).with_for_update(skip_locked=True)
    if (file := session.scalar(earlier.execution_options(populate_existing=True))) is not None:
        _decide(file, ImportState.CANCELLED, None, vault=vault)


def open_file(waiting: ContactImport, file: BinaryIO, *, vault: Vault) -> FileTelling:
    """Write the text of a kept file into `file`, in UTF-8, and return what a member says of it.

    Raises TransitionError when it is decided on already, UnavailableError where the disk has no room.
    """
    sealed = require_undecided(waiting)
    kept = vault.open(sealed, table="contact_import", column="sealed_file", row_id=waiting.id)
    begins = kept.index("\n") + 1
    with needing_room():
        for start in range(begins, len(kept), PIECE):
            file.write(kept[start : start + PIECE].encode())
        file.flush()
    return FileTelling.from_line(kept[: begins - 1])


def confirm_import(
    session: Session, waiting: ContactImport, *, found: ContactFile, by: int | None, vault: Vault
) -> Report:
    """Import a checked file whole. Raises TransitionError when it is decided already, RowsError for a bad row."""
    session.refresh(waiting, with_for_update=True)
    require_undecided(waiting)
    report = import_people(session, waiting.organisation_id, found, vault=vault)
    return keep_imported(session, waiting, report, by=by, vault=vault)


def keep_imported(
    session: Session, waiting: ContactImport, report: Report, *, by: int | None, vault: Vault
) -> Report:
    """Close a file whose people are written, and record it."""
    report = replace(report, encoding=waiting.report.get("encoding", ""))
    _decide(waiting, ImportState.DONE, report, vault=vault)
    record(session, "contacts.import", waiting, by, **counts_of(report))
    return report


def cancel_import(session: Session, waiting: ContactImport, *, by: int, vault: Vault) -> None:
    """Drop a file that is not imported yet. Raises TransitionError when it is decided already."""
    session.refresh(waiting, with_for_update=True)
    if waiting.state not in (ImportState.READING, ImportState.CHECKED):
        raise TransitionError(_DECIDED)
    _decide(waiting, ImportState.CANCELLED, None, vault=vault)
    record(session, "contacts.cancel", waiting, by)


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
    processes: int | None = None,
    tell: Tell = untold,
) -> Report:
    """Check and import a contact file in one go. Raises RowsError for any bad row, before anything is written.

    It is read by `processes`, as many as suit its size if nothing is said; memory does not grow with its length.
    `tell` hears how far it is. Raises UnavailableError where a process dies or the disk is full.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    limit_size(file, settings)
    with staged(
        file,
        default_country=default_country,
        max_rows=settings.import_max_rows,
        now=clock.now(),
        processes=processes,
        tell=tell,
    ) as people:
        _require_sound(session, organisation_id, people, vault=vault)
        making = ContactFile(people.told(Doing.MAKING, tell), people.ending)
        wrote = people.counting(Doing.WRITING, tell)
        with made_beforehand(session, organisation_id, making, vault=vault, wrote=wrote) as made:
            found = ContactFile(people.told(Doing.WRITING, tell), people.ending)
            done = _begun(session, organisation_id, file_name, by=by, vault=vault)
            report = import_people(session, organisation_id, found, vault=vault, made=made)
    _decide(done, ImportState.DONE, report, vault=vault)
    record(session, "contacts.import", done, by, **counts_of(report))
    return report


def _require_sound(session: Session, organisation_id: int, people: Staged, *, vault: Vault) -> None:
    """Raise RowsError for what is wrong with any row, or names a place, region or group that is none.

    A transaction that begins here ends here: on SQLite a stop waits for whoever may write.
    """
    is_ours = not session.in_transaction()
    if is_ours:
        session.connection(execution_options={"read_only": True})
    placing, grouping, wrong = checking(session, organisation_id, vault)
    names = people.names
    # Rows are gone through only where some of them name what is not there.
    if names is None or not all(placing.knows(each) and grouping.knows(each) for each in names):
        for batch in people.batches():
            placing.check(batch)
            grouping.check(batch)
    if is_ours:
        session.rollback()
    require_none(people.ending, wrong)


def _begun(
    session: Session, organisation_id: int, file_name: str, *, by: int | None, vault: Vault
) -> ContactImport:
    """Return the row of a file that was checked, without what stands in it."""
    begun = ContactImport(
        organisation_id=organisation_id, member_id=by, state=ImportState.CHECKED, report={}, created_at=clock.now()
    )
    session.add(begun)
    session.flush()
    seal_about(begun, AboutFile(file_name[:NAME_LIMIT]), vault)
    return begun


def require_undecided(waiting: ContactImport) -> bytes:
    """Return what a file is kept as. Raises TransitionError while a worker has it, or when it is decided."""
    if waiting.state == ImportState.READING:
        raise TransitionError(N_("This file is still being read."))
    if waiting.state == ImportState.CHECKED and waiting.confirmed_by_id is not None:
        raise TransitionError(N_("This file is being imported."))
    if waiting.state != ImportState.CHECKED or waiting.sealed_file is None:
        raise TransitionError(_DECIDED)
    return waiting.sealed_file


def _decide(waiting: ContactImport, state: ImportState, report: Report | None, *, vault: Vault) -> None:
    """Close a file, and keep nothing of what stood in it."""
    waiting.state, waiting.sealed_file, waiting.decided_at = state, None, clock.now()
    if report is not None:
        waiting.report = kept_of(report)
    seal_about(waiting, AboutFile(open_about(waiting, vault).name), vault)


def _named(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > NAME_LIMIT:
        raise InputError(N_("An audience needs a name of at most %(limit)s characters."), limit=NAME_LIMIT)
    return clean


def _added(session: Session, organisation_id: int, *, name: str, rule: AudienceRule) -> Audience:
    check_rule(session, organisation_id, rule)
    now = clock.now()
    audience = Audience(
        organisation_id=organisation_id, name=_named(name), rule=rule.to_json(), created_at=now, updated_at=now
    )
    session.add(audience)
    session.flush()
    return audience


def record(session: Session, action: str, subject: Any, by: int | None, **detail: Any) -> None:
    """Record an act of a member on an audience or a file."""
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)
