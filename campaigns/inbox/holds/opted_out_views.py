"""A data manager hands in a list of numbers whose people opted out of an older system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from flask import Blueprint, render_template
from werkzeug.datastructures import FileStorage

from campaigns.audience.files.number_reader import NumbersEnding, read_numbers
from campaigns.audience.handed_in import READING, as_text, most_rows
from campaigns.audience.service import limit_size
from campaigns.core.errors import InputError
from campaigns.inbox.holds.forms import NumbersForm
from campaigns.inbox.holds.opted_out_list import OptedOut, opt_out_numbers
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings, vault
from campaigns.web.guards.bodies import takes_file
from campaigns.web.session import begin_writing, reads_first, session
from campaigns.web.uploads import rows_of_upload

pages = Blueprint("opted_out", __name__)

Page = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Done:
    """What a list did, and what in it was no number."""

    told: OptedOut
    ending: NumbersEnding


@pages.route("/audience/contacts/opted-out", methods=["GET", "POST"])
@takes_file
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def hand_in() -> Page:
    """Opt out everybody on a list at once; rows that are no number are told, and hold up nobody else's."""
    form, done = NumbersForm(), None
    if form.validate_on_submit():
        try:
            done = _opt_out(form.file.data, form.text("country") or None, form.text("source"))
        except InputError as error:
            form.show(error, "file")
    return render_template("inbox/holds/opted_out_list.html", form=form, done=done), form.status


def _opt_out(upload: FileStorage, country: str | None, source: str) -> _Done:
    file = cast(BinaryIO, upload.stream)
    limit_size(file, settings())
    by, of = current_member().id, current_organisation().id
    with as_text(file) as text, _numbers(text, country) as (batches, ending):
        begin_writing()
        told = opt_out_numbers(session(), of, batches, by=by, source=source, vault=vault())
    return _Done(told, ending)


@contextmanager
def _numbers(file: BinaryIO, country: str | None) -> Iterator[tuple[Iterator[list[str]], NumbersEnding]]:
    """Give what a child reads in a list."""
    with rows_of_upload(READING, read_numbers, file, default_country=country, max_rows=most_rows()) as found:
        yield found
