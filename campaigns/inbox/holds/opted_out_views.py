"""A data manager hands in a list of numbers that opted out of an older system, and says that it is right."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.consent.sealed_words import open_about
from campaigns.audience.files.handed_in import READING, as_text, most_rows
from campaigns.audience.files.number_reader import read_numbers
from campaigns.audience.files.staging import limit_size
from campaigns.audience.files.watch import check_quota
from campaigns.audience.files.worker_reading import is_long, is_untaken
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import get_file, select_imports
from campaigns.core.errors import InputError, QuotaError, TransitionError
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.inbox.holds import opted_out_list, unread_lists
from campaigns.inbox.holds.forms import NumbersForm
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told
from campaigns.web.guards.bodies import takes_file
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, reads_first, session
from campaigns.web.uploads import rows_of_upload

pages = Blueprint("opted_out", __name__, url_prefix="/audience/contacts/opted-out")

Page = str | Redirect | Response | tuple[str, int]
#: Lists that were handed in last.
_SHOWN = 5


@pages.route("", methods=["GET", "POST"])
@takes_file
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def hand_in() -> Page:
    """Check a list, or leave a long one to a worker; nobody opts out by it yet."""
    form = NumbersForm(data=_said_before() if request.method == "GET" else None)
    if form.validate_on_submit():
        try:
            waiting = _check(form.file.data, form.text("country") or None, form.text("source"))
        except (InputError, QuotaError) as error:
            form.show(error, "file")
        else:
            return redirect(url_for("opted_out.show", list_id=waiting.id))
    lists = session().scalars(select_imports(current_organisation().id, opts_out=True).limit(_SHOWN)).all()
    named = [(each, open_about(each, vault()).name) for each in lists]
    return render_template("inbox/holds/opted_out_list.html", form=form, lists=named), form.status


@pages.get("/<int:list_id>")
@requires(Permission.HANDLE_CONTACTS)
def show(list_id: int) -> Page:
    """Show how many numbers a list has, and how far it is; a page that waits is loaded anew once all is done."""
    waiting = _list(list_id)
    is_opting_out = waiting.state == ImportState.CHECKED and waiting.confirmed_by_id is not None
    if "HX-Request" in request.headers and not is_opting_out and waiting.state != ImportState.READING:
        return Response(status=204, headers={"HX-Refresh": "true"})
    about = open_about(waiting, vault())
    return render_template(
        *("inbox/holds/opted_out_check.html",),
        list=waiting,
        about=about,
        few=SMALLEST_SHOWN,
        is_untaken=is_untaken(waiting.report),
    )


@pages.post("/<int:list_id>/opt-out")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def confirm(list_id: int) -> Page:
    """Opt out everybody on a checked list; a long one is left to a worker, and a stop waits for a piece alone."""
    waiting, by = _list(list_id), current_member().id
    with refusals_told(TransitionError):
        if opted_out_list.confirm_list(session(), waiting, by=by, vault=vault()):
            count = waiting.report["numbers"]
            flash(ngettext("%(num)s number has opted out.", "%(num)s numbers have opted out.", count), "good")
    return redirect(url_for("opted_out.show", list_id=list_id))


@pages.post("/<int:list_id>/discard")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def discard(list_id: int) -> Page:
    """Drop a list."""
    with refusals_told(TransitionError):
        opted_out_list.drop_list(session(), _list(list_id), by=current_member().id, vault=vault())
        flash(_("The list is discarded."), "info")
    return redirect(url_for("opted_out.hand_in"))


def _check(upload: FileStorage, country: str | None, source: str) -> ContactImport:
    """Keep a list with what is found in it. Raises InputError, or QuotaError before it is read."""
    by, of = current_member().id, current_organisation().id
    words = opted_out_list.source_of(source)
    check_quota(session(), of, member_id=by)
    file = cast(BinaryIO, upload.stream)
    limit_size(file, settings())
    if is_long(file):
        begin_writing()
        return unread_lists.keep_unread(
            *(session(), of, str(upload.filename), file.read()),
            source=words,
            country=country,
            by=by,
            vault=vault(),
        )
    numbers: dict[str, None] = {}
    with (
        as_text(file) as text,
        rows_of_upload(READING, read_numbers, text, default_country=country, max_rows=most_rows()) as found,
    ):
        batches, ending = found
        for batch in batches:
            numbers |= dict.fromkeys(batch)
    said = opted_out_list.NumberList(words, list(numbers))
    pieces = (said.numbers[at : at + opted_out_list.PIECE] for at in range(0, len(numbers), opted_out_list.PIECE))
    own = opted_out_list.count_own(session(), of, pieces, vault())
    begin_writing()
    name = str(upload.filename)
    return opted_out_list.keep_list(session(), of, name, said, ending=ending, own=own, by=by, vault=vault())


def _said_before() -> dict[str, str | None]:
    """Return what a member said of a list that was not taken, where they hand it in again."""
    list_id = request.args.get("again", type=whole_number)
    if list_id is None:
        return {}
    about = open_about(_list(list_id), vault())
    return {"source": about.source, "country": about.country}


def _list(list_id: int) -> ContactImport:
    return get_file(session(), list_id, current_organisation().id, opts_out=True)
