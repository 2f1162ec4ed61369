"""Staff pages show contacts masked, with their consent ledger, and take contact files after a dry run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Redirect

from campaigns.audience import queries, service
from campaigns.audience.consent.sealed_words import open_about, open_evidence
from campaigns.audience.figures import find_contacts
from campaigns.audience.files import watch
from campaigns.audience.files.contact_reader import ContactFile, read_contacts
from campaigns.audience.forms import CHANNELS, ENCODINGS, SOURCES, ImportForm
from campaigns.audience.models import AddressState, Contact, ContactImport
from campaigns.core import clock
from campaigns.core.errors import InputError, QuotaError, TransitionError
from campaigns.core.languages import all_languages
from campaigns.core.limited.child_limits import Limits
from campaigns.places.queries import regions_by_id
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told
from campaigns.web.guards.bodies import takes_file
from campaigns.web.keyed_pages import page_by_id
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, database, reads_first, session
from campaigns.web.uploads import rows_of_upload

pages = Blueprint("contacts", __name__, url_prefix="/contacts")

Page = str | Redirect | tuple[str, int]

#: What reading a contact file may cost: it may hold 100,000 people.
READING = Limits(seconds=180, processor_seconds=120, answer_megabytes=200)
#: People of one file on SQLite, which has one writer: these take some two seconds.
MOST_ON_SQLITE = 10_000
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
    contacts = page_by_id(
        session(),
        statement,
        Contact.id,
        older=request.args.get("older", type=whole_number),
        newer=request.args.get("newer", type=whole_number),
    )
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
        ledger=[(line, line.wording or open_evidence(line, vault())) for line in ledger],
        channels=CHANNELS,
        sources=SOURCES,
    )


@pages.route("/files", methods=["GET", "POST"])
@takes_file
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def import_file() -> Page:
    """Take a contact file and check it, without importing anything."""
    form = ImportForm()
    if form.validate_on_submit():
        try:
            waiting = _check(form.file.data, form.text("country") or None)
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
    about = open_about(file, vault())
    return render_template("audience/files/file.html", file=file, about=about, encodings=ENCODINGS)


@pages.post("/files/<int:import_id>/import")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def confirm_file(import_id: int) -> Page:
    """Import a checked file whole."""
    with refusals_told(TransitionError, InputError):
        report = _import(import_id)
        count = report.added + report.updated
        flash(ngettext("%(num)s person is imported.", "%(num)s people are imported.", count), "good")
    return redirect(url_for("audience.contacts.show_file", import_id=import_id))


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


def _check(upload: FileStorage, country: str | None) -> ContactImport:
    """Keep a contact file with what a dry run found in it. Raises InputError, or QuotaError before it is read."""
    watch.check_quota(session(), current_organisation().id, member_id=current_member().id)
    file = cast(BinaryIO, upload.stream)
    service.limit_size(file, settings())
    with _people(file, country) as found:
        report = service.dry_run(session(), current_organisation().id, found, vault=vault())
    begin_writing()
    file.seek(0)
    return service.keep_file(
        session(),
        current_organisation().id,
        str(upload.filename),
        file.read(),
        found=found,
        report=report,
        by=current_member().id,
        vault=vault(),
        default_country=country,
    )


def _import(import_id: int) -> service.Report:
    """Import a kept file. Raises TransitionError or InputError."""
    # It has no name, and is gone with this request.
    with TemporaryFile() as file:
        country = service.open_file(_file(import_id), file, vault=vault())
        with _people(file, country) as found:
            begin_writing()
            waiting = _file(import_id)
            return service.confirm_import(session(), waiting, found=found, by=current_member().id, vault=vault())


def most_rows() -> int:
    """Return how many people a file may hold: on SQLite a stop waits as long as they take to be written."""
    is_alone = database.engine.dialect.name == "sqlite"
    return min(settings().import_max_rows, MOST_ON_SQLITE) if is_alone else settings().import_max_rows


@contextmanager
def _people(file: BinaryIO, country: str | None) -> Iterator[ContactFile]:
    """Give what a child reads in a contact file."""
    with rows_of_upload(
        READING,
        read_contacts,
        file,
        default_country=country,
        max_rows=most_rows(),
        now=clock.now(),
    ) as (people, ending):
        yield ContactFile.known(people, ending)


def _file(import_id: int) -> ContactImport:
    return get_owned(session(), ContactImport, import_id, current_organisation().id)
