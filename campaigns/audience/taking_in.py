"""The people of a contact file are taken in, all or none; or it is told what that would do. Nothing commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypedDict

from sqlalchemy.orm import Session

from campaigns.audience.contact_rows import ContactRow, WrongRows
from campaigns.audience.file_telling import added_up
from campaigns.audience.files.contact_reader import ContactFile, Ending
from campaigns.audience.files.import_report import Report, first_problems, told_of_rows
from campaigns.audience.grouping import Grouping
from campaigns.audience.kept.keeping import ask_all
from campaigns.audience.loading import contact_writer
from campaigns.audience.loading.made_beforehand import MadeBeforehand
from campaigns.audience.positions import Placing
from campaigns.core import clock
from campaigns.core.errors import RowsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.disk_room import scratch_file
from campaigns.places.files.sheet_cells import name_of_coding
from campaigns.staff.queries import hold_organisation


class _Told(TypedDict):
    """Counts of an import as they are told."""

    added: int
    updated: int


def dry_run(session: Session, organisation_id: int, found: ContactFile, *, vault: Vault) -> Report:
    """Return what an import of a file would do; nothing is changed."""
    placing, grouping, wrong = checking(session, organisation_id, vault)
    placed = _placed(found, placing, grouping)
    counts = contact_writer.count_people(session, organisation_id, placed, vault=vault)
    ending = found.ending
    wrongs = added_up(ending.causes, wrong.causes)
    return Report(
        rows=ending.rows,
        # A row that cannot be read is not placed.
        bad_rows=ending.bad_rows + wrong.rows,
        problems=first_problems(ending, wrong),
        causes=wrongs.causes,
        untold=ending.untold + wrong.untold + wrongs.untold,
        encoding=name_of_coding(ending.coding),
        numbers=counts.numbers,
        **told_of_rows(ending),
        **_told(counts),
    )


def _told(counts: contact_writer.Counts) -> _Told:
    """Return what is told of counts: people who said stop are among the others."""
    new = counts.said_stop - counts.known_stopped
    return {"added": counts.added + new, "updated": counts.updated + counts.known_stopped}


def require_none(ending: Ending, wrong: WrongRows) -> None:
    """Raise RowsError for whatever is wrong with any row of a file."""
    if problems := first_problems(ending, wrong):
        raise RowsError(problems, count=max(len(problems), ending.bad_rows + wrong.found))


def checking(session: Session, organisation_id: int, vault: Vault) -> tuple[Placing, Grouping, WrongRows]:
    """Return what places and groups the rows of a file, and where both note what is wrong with them."""
    wrong = WrongRows()
    return Placing(session, organisation_id, wrong), Grouping(session, organisation_id, vault, wrong), wrong


@contextmanager
def made_beforehand(
    session: Session,
    organisation_id: int,
    found: ContactFile,
    *,
    vault: Vault,
    wrote: Callable[[int], object] = lambda _people: None,
) -> Iterator[MadeBeforehand | None]:
    """Make what takes long ready for `import_people` where others wait for whoever writes: on SQLite.

    `wrote` hears then how many further people were written down, as they are.

    None elsewhere, or within a transaction, which has them wait already. Raises RowsError for what is wrong with
    any row, before anything is written.
    """
    if session.get_bind().dialect.name != "sqlite" or session.in_transaction():
        yield None
        return
    with scratch_file() as file:
        with _reading(session):
            placing, grouping, wrong = checking(session, organisation_id, vault)
        made = MadeBeforehand(file, organisation_id, vault, wrote)
        made.make(_until_fault(found, placing, grouping, wrong), placing, partial(_reading, session))
        require_none(found.ending, wrong)
        yield made


@contextmanager
def _reading(session: Session) -> Iterator[Session]:
    """Let a session read in a transaction of its own, beside whoever writes."""
    session.connection(execution_options={"read_only": True})
    try:
        yield session
    finally:
        session.rollback()


def import_people(
    session: Session, organisation_id: int, found: ContactFile, *, vault: Vault, made: MadeBeforehand | None = None
) -> Report:
    """Write the people of a file, all or none; the caller leaves the entry. Raises RowsError for a bad row.

    Where they were `made` beforehand, of `found` only its ending counts.
    """
    # One file of an organisation at a time: two that hold the same person would both find nobody.
    hold_organisation(session, organisation_id)
    placing, grouping, wrong = checking(session, organisation_id, vault)
    # Whether places and groups are there shows batch by batch, so a bad row takes back what is written already.
    with session.begin_nested():
        if made is not None:
            found = ContactFile(made.load(session, grouping, placing), found.ending)
        going = grouping.written(_until_fault(found, placing, grouping, wrong))
        counts = contact_writer.take_in(session, organisation_id, going, placing=placing, vault=vault)
        require_none(found.ending, wrong)
    counts.added += made.added if made is not None else 0
    ask_all(session, organisation_id, now=clock.now())
    ending = found.ending
    told = told_of_rows(ending)
    return Report(rows=ending.rows, encoding=name_of_coding(ending.coding), **told, **_told(counts))


def _placed(found: ContactFile, placing: Placing, grouping: Grouping) -> Iterator[list[ContactRow]]:
    for batch in found.people:
        placing.place(batch)
        grouping.check(batch)
        yield batch


def _until_fault(
    found: ContactFile, placing: Placing, grouping: Grouping, wrong: WrongRows
) -> Iterator[list[ContactRow]]:
    """Give batches as long as nothing is wrong; the rest of the file is read only for what else is."""
    for batch in _placed(found, placing, grouping):
        if not found.ending.problems and not wrong:
            yield batch
