"""Staff pages show contacts masked, with their consent ledger, and take contact files after a dry run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO, cast

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Redirect

from campaigns.audience import queries, service
from campaigns.audience.consent.sealed_words import open_about, open_evidence
from campaigns.audience.figures import find_contacts
from campaigns.audience.file_telling import MAPPED, MOST_LINES, FileTelling
from campaigns.audience.files import watch
from campaigns.audience.files.cell_meanings import CellMeanings, column_of
from campaigns.audience.files.contact_columns import COLUMN_NAMES, REQUIRED, our_name
from campaigns.audience.files.handed_in import as_text, people_of
from campaigns.audience.files.import_report import Report, causes_in, columns_to_name
from campaigns.audience.files.staging import limit_size
from campaigns.audience.files.worker_reading import is_long
from campaigns.audience.forms import CHANNELS, ENCODINGS, METHODS, SOURCES, ImportForm
from campaigns.audience.grouping import groups_of, select_groups
from campaigns.audience.models import AddressState, Consent, Contact, ContactImport, ImportState
from campaigns.audience.taking_in import dry_run
from campaigns.audience.unread_files import (
    how_far,
    is_for_worker,
    is_with_worker,
    keep_unread,
    leave_to_worker,
    seems_untaken,
)
from campaigns.core.errors import InputError, MissingColumnsError, NotFoundError, QuotaError, TransitionError
from campaigns.core.languages import all_languages
from campaigns.core.limited.disk_room import scratch_file
from campaigns.places.queries import place_keys_and_names, regions_by_id
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import NOT_THERE, get_owned
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told
from campaigns.web.forms import BY_ENTER, LONGEST_WORDS
from campaigns.web.guards.bodies import takes_file
from campaigns.web.keyed_pages import asked_page
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, reads_first, session

pages = Blueprint("contacts", __name__, url_prefix="/contacts")

Page = str | Redirect | tuple[str, int]

#: A file that shows the columns; the number is of a range kept for films and books.
EXAMPLE = (
    "number,language,other_language,place,latitude,longitude,region,position_date,consent_date,consent_how\n"
    "+491713920012,uk,ru,,49.8000,22.9437,,2026-03-01,2026-02-27,form at the reception desk\n"
)


@pages.get("")
@requires(Permission.HANDLE_CONTACTS)
def index() -> Page:
    """List contacts without their addresses, with what may be done with them."""
    organisation_id = current_organisation().id
    state, language = request.args.get("state", ""), request.args.get("language", "")
    statement = queries.select_contacts(organisation_id, state=state, language=language)
    contacts = asked_page(session(), statement, Contact.id)
    counts, counted = find_contacts()
    ids = [contact.id for contact, _ in contacts.rows]
    addresses = queries.addresses_of(session(), ids)
    return render_template(
        "audience/contacts.html",
        contacts=contacts,
        addresses=addresses,
        person_states=queries.states_of(session(), ids),
        last_told=queries.last_consents(session(), ids),
        counts=counts,
        counted=counted,
        regions=regions_by_id(session(), counts.by_region if counts else ()),
        states=list(AddressState),
        channels=CHANNELS,
        languages=all_languages(),
        chosen={"state": state, "language": language},
    )


@pages.get("/<int:contact_id>")
@requires(Permission.SETTLE_CONSENT)
def show(contact_id: int) -> Page:
    """Show one contact and everything it ever agreed to or withdrew."""
    contact = get_owned(session(), Contact, contact_id, current_organisation().id)
    ledger = session().scalars(queries.select_ledger(contact.id)).all()
    return render_template(
        "audience/contact.html",
        contact=contact,
        state=queries.states_of(session(), [contact.id]).get(contact.id),
        ledger=[(line, _said_in(line)) for line in ledger],
        methods=METHODS,
        groups=groups_of(session(), contact.id),
        channels=CHANNELS,
        sources=SOURCES,
    )


def _said_in(line: Consent) -> str:
    """Name what a line of the ledger rests on: what a person wrote, a version of words, or evidence."""
    kind, _space, number = line.wording.partition(" ")
    if kind == "reply" and number.isdecimal():
        return str(_("Incoming message %(number)s", number=number))
    return line.wording or open_evidence(line, vault())


@pages.route("/files", methods=["GET", "POST"])
@takes_file
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def import_file() -> Page:
    """Take a contact file and check it, without importing anything."""
    before = _said_before()
    form = ImportForm(data=ImportForm.said_in(before) if request.method == "GET" else None)
    if form.validate_on_submit():
        try:
            waiting = _check(form.file.data, form.telling(before))
        except (InputError, QuotaError) as error:
            form.show(error, "file")
        else:
            return redirect(url_for("audience.contacts.show_file", import_id=waiting.id))
    files = session().scalars(queries.select_imports(current_organisation().id).limit(20)).all()
    named = [(file, open_about(file, vault()).name) for file in files]
    return render_template("audience/files/import.html", form=form, files=named), form.status


@pages.get("/files/<int:import_id>")
@requires(Permission.HANDLE_CONTACTS)
def show_file(import_id: int) -> Page:
    """Show what a dry run found, or what an import did."""
    file = _file(import_id)
    if "HX-Request" in request.headers and not is_with_worker(file):
        return Response(status=204, headers={"HX-Refresh": "true"})
    return _file_page(file)


@pages.get("/files/<int:import_id>/meanings")
@requires(Permission.HANDLE_CONTACTS)
def find_meanings(import_id: int) -> Page:
    """Show what a cell of a column may mean and has what is typed in its name, as options of a list."""
    _file(import_id)
    column, words = request.args.get("column", ""), request.args.get("meant", "")[:LONGEST_WORDS]
    if not column:
        # Without script the page itself was shown here, and is opened again by its address.
        return redirect(url_for("audience.contacts.show_file", import_id=import_id))
    if column not in MAPPED:
        raise NotFoundError(NOT_THERE)
    return render_template("audience/files/_meanings.html", choices=_meanings().find(column, words))


@pages.post("/files/<int:import_id>/meanings")
@requires(Permission.HANDLE_CONTACTS)
def look_for_meanings(import_id: int) -> Page:
    """Show the file again with names that have some words, and as it was filled in; for pages without script."""
    return _file_page(_file(import_id), words=_words_of_names())


def _words_of_names() -> str:
    return request.form.get("names_words", "").strip()[:LONGEST_WORDS]


def _file_page(file: ContactImport, words: str = "") -> Page:
    """Show a file; what is wrong cells' meaning is listed as far as it has some `words` in its name."""
    about = open_about(file, vault())
    causes = causes_in(about)
    meanings = _meanings() if causes else CellMeanings([], [])
    return render_template(
        "audience/files/file.html",
        file=file,
        far=how_far(file.report) if is_with_worker(file) else None,
        is_waiting=is_with_worker(file),
        is_untaken=seems_untaken(file.report),
        about=about,
        earlier=_earlier(file),
        causes=causes,
        near_of=meanings.near(causes),
        long_lists=meanings.long_lists(causes, words),
        words=words,
        lost_file=_chosen_file(),
        said={(column, cell): meant for column, cell, meant in _said_of_cells()},
        repeated=request.form.get("repeated", file.report.get("repeated") or ""),
        list_of=column_of,
        unnamed=[ours for ours in COLUMN_NAMES if ours not in map(our_name, about.columns)],
        required=REQUIRED,
        encodings=ENCODINGS,
        most_lines=MOST_LINES,
        meanings=meanings,
    )


def _chosen_file() -> str:
    """Return the name of a file that was chosen in the form; where files are left out, the form still names it."""
    upload = request.files.get("file")
    return (upload.filename if upload is not None else request.form.get("file")) or ""


def _meanings() -> CellMeanings:
    of = current_organisation().id
    groups = [group.name for group in session().scalars(select_groups(of))]
    return CellMeanings(place_keys_and_names(session(), of), groups)


def _said_of_cells() -> Iterable[tuple[str, str, str]]:
    """Return for each cell that a form explains its column, what it says, and what it means."""
    return zip(*(request.form.getlist(name) for name in ("column", "cell", "meant")), strict=False)


@pages.post("/files/<int:import_id>/import")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def confirm_file(import_id: int) -> Page:
    """Import a checked file whole."""
    with refusals_told(TransitionError, InputError):
        if is_for_worker(_file(import_id)):
            begin_writing()
            leave_to_worker(session(), _file(import_id), by=current_member().id)
            return redirect(url_for("audience.contacts.show_file", import_id=import_id))
        report = _import(import_id)
        count = report.added + report.updated
        flash(ngettext("%(num)s person is imported.", "%(num)s people are imported.", count), "good")
    return redirect(url_for("audience.contacts.show_file", import_id=import_id))


@pages.post("/files/<int:import_id>/again")
@takes_file
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def check_again(import_id: int) -> Page:
    """Take a corrected file in the place of one that waits, and what its cells mean.

    Enter presses the form's first button in any field: it finds names where words were typed for that.
    """
    if request.form.get("save") == BY_ENTER and _words_of_names() not in ("", request.form.get("names_found")):
        return look_for_meanings(import_id)
    shown = import_id
    with refusals_told(TransitionError, InputError, QuotaError):
        shown = _check_again(import_id).id
    return redirect(url_for("audience.contacts.show_file", import_id=shown))


@pages.post("/files/<int:import_id>/discard")
@requires(Permission.HANDLE_CONTACTS)
def cancel_file(import_id: int) -> Page:
    """Drop a checked file."""
    with refusals_told(TransitionError):
        service.cancel_import(session(), _file(import_id), by=current_member().id, vault=vault())
        flash(_("The file is discarded. Nothing was imported."), "info")
    return redirect(url_for("audience.contacts.import_file"))


@pages.get("/files/example.csv")
@requires(Permission.HANDLE_CONTACTS)
def example() -> Response:
    """Give a file that shows the columns."""
    headers = {"Content-Disposition": "attachment; filename=contacts-example.csv"}
    return Response(EXAMPLE, mimetype="text/csv", headers=headers)


def _check(upload: FileStorage, telling: FileTelling, *, instead_of: int | None = None) -> ContactImport:
    """Keep a contact file with what a dry run found in it. Raises InputError, or QuotaError before it is read."""
    watch.check_quota(session(), current_organisation().id, member_id=current_member().id)
    file = cast(BinaryIO, upload.stream)
    limit_size(file, settings())
    if is_long(file):
        return _hand_in(str(upload.filename), file.read(), telling, instead_of=instead_of)
    with as_text(file) as text:
        return _keep(str(upload.filename), text, telling, instead_of=instead_of)


def _hand_in(name: str, data: bytes, telling: FileTelling, *, instead_of: int | None) -> ContactImport:
    """Leave a long file to a worker."""
    begin_writing()
    return keep_unread(
        *(session(), current_organisation().id, name, data),
        telling=telling,
        by=current_member().id,
        vault=vault(),
        instead_of=None if instead_of is None else _file(instead_of),
    )


def _keep(name: str, text: BinaryIO, telling: FileTelling, *, instead_of: int | None) -> ContactImport:
    organisation_id = current_organisation().id
    try:
        with people_of(text, telling) as found:
            report = dry_run(session(), organisation_id, found, vault=vault())
    except MissingColumnsError as error:
        found, report = columns_to_name(error)
    begin_writing()
    text.seek(0)
    return service.keep_file(
        session(),
        organisation_id,
        name,
        text.read(),
        found=found,
        report=report,
        by=current_member().id,
        vault=vault(),
        telling=telling,
        instead_of=None if instead_of is None else _file(instead_of),
    )


def _check_again(import_id: int) -> ContactImport:
    """Check a waiting file anew: a corrected one in its place, or itself with what its cells mean."""
    upload = request.files.get("file")
    # It has no name, and is gone with this request.
    with scratch_file() as kept:
        waiting = _file(import_id)
        name = open_about(waiting, vault()).name
        telling = service.open_file(waiting, kept, vault=vault()).understanding(_said_of_cells())
        telling = telling.counting(request.form.get("repeated")).naming(
            {place: ours for ours in COLUMN_NAMES if (place := request.form.get(f"column-{ours}", ""))}
        )
        if upload is not None and upload.filename:
            # Its columns may stand elsewhere: its own header says which is what, or a member is asked anew.
            return _check(upload, replace(telling, columns={}), instead_of=import_id)
        watch.check_quota(session(), current_organisation().id, member_id=current_member().id)
        if is_long(kept):
            return _hand_in(name, kept.read(), telling, instead_of=import_id)
        return _keep(name, kept, telling, instead_of=import_id)


def _import(import_id: int) -> Report:
    """Import a kept file. Raises TransitionError or InputError."""
    # It has no name, and is gone with this request.
    with scratch_file() as file:
        telling = service.open_file(_file(import_id), file, vault=vault())
        with people_of(file, telling) as found:
            begin_writing()
            waiting = _file(import_id)
            return service.confirm_import(session(), waiting, found=found, by=current_member().id, vault=vault())


def _said_before() -> FileTelling:
    """Return what a member said of a file that was not taken, where they hand it in again."""
    import_id = request.args.get("again", type=whole_number)
    said = "" if import_id is None else open_about(_file(import_id), vault()).telling
    return FileTelling.from_line(said)


def _earlier(file: ContactImport) -> int | None:
    """Return the file whose place another one did not take, as long as it waits."""
    earlier_id = file.report.get(service.INSTEAD_OF)
    if earlier_id is None or file.state != ImportState.REFUSED:
        return None
    return int(earlier_id) if _file(earlier_id).state == ImportState.CHECKED else None


def _file(import_id: int) -> ContactImport:
    return queries.get_file(session(), import_id, current_organisation().id)
