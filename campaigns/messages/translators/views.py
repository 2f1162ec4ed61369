"""On these staff pages texts go to translators and come back, as a PO file for each language."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from campaigns.core.errors import NotFoundError, RowProblem
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.translators.forms import CatalogueForm
from campaigns.messages.translators.po_file import read_catalogue_file
from campaigns.messages.translators.service import ImportedTexts, export_texts, import_texts
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.guards.bodies import takes_file
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, reads_first, session
from campaigns.web.uploads import read_upload, take_whole

pages = Blueprint("exchange", __name__, url_prefix="/exchange")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.EDIT)
def index() -> Page:
    """Offer a file of one language, and take one back."""
    wanted = request.args.get("language")
    return _page(CatalogueForm(data={"language": wanted}) if wanted in all_languages() else CatalogueForm())


@pages.get("/file")
@requires(Permission.EDIT, fresh=True)
def download() -> Page:
    """Send all texts, or those of one message, as a PO file."""
    language, message_id = request.args.get("language", ""), request.args.get("message", type=whole_number)
    if language not in all_languages():
        raise NotFoundError(N_("There is no such language."))
    organisation_id = current_organisation().id
    message = get_owned(session(), Message, message_id, organisation_id) if message_id is not None else None
    answer = make_response(export_texts(session(), organisation_id, language=language, message=message))
    answer.headers["Content-Type"] = "text/x-gettext-translation; charset=utf-8"
    name = f"message-{message_id}.{language}.po" if message else f"messages.{language}.po"
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer


@pages.post("")
@takes_file
@requires(Permission.EDIT)
@reads_first
def upload() -> Page:
    """Write the translations of a file, all or none."""
    form = CatalogueForm()
    taken = take_whole(form, lambda: _write(form))
    if taken.done is None:
        return _page(form, taken.problems), taken.status
    flash(_told(taken.done), "good")
    return redirect(url_for("messages.index"))


def _write(form: CatalogueForm) -> ImportedTexts:
    """Write what a file holds. Raises InputError."""
    language = form.text("language")
    returned = read_upload(read_catalogue_file, form.file.data.stream, language=language)
    begin_writing()
    by = current_member().id
    return import_texts(session(), current_organisation().id, returned, language=language, by=by)


def _page(form: CatalogueForm, problems: tuple[RowProblem, ...] = ()) -> str:
    return render_template(
        "messages/translators/exchange.html",
        form=form,
        problems=problems,
        message_id=request.args.get("message", type=whole_number),
    )


def _told(done: ImportedTexts) -> str:
    changed = ngettext("%(num)s translation is written.", "%(num)s translations are written.", done.changed)
    drafts = ngettext("%(num)s of them is a draft.", "%(num)s of them are drafts.", done.drafts)
    return " ".join([changed, *([drafts] if done.drafts else []), _("Somebody must review what is not a draft.")])
