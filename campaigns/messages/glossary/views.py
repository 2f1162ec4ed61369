"""Staff pages of the glossary show how terms are said in each language."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.messages.glossary.forms import TermForm
from campaigns.messages.glossary.service import remove_term, save_term, select_terms
from campaigns.messages.models import GlossaryTerm
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.keyed_pages import asked_names
from campaigns.web.session import session

pages = Blueprint("glossary", __name__, url_prefix="/glossary")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List the terms that were agreed on."""
    return _page(TermForm())


@pages.post("")
@requires(Permission.EDIT)
def save() -> Page:
    """Agree how a term is said."""
    form = TermForm()
    if form.validate_on_submit():
        values = {name: form.text(name) for name in ("source_language", "term", "language", "wording", "note")}
        try:
            save_term(session(), current_organisation().id, by=current_member().id, **values)
        except InputError as error:
            form.show(error, "wording")
        else:
            flash(_("The term is saved. Translations are compared with it from now on."), "good")
            return redirect(url_for("messages.glossary.index"))
    return _page(form)


@pages.post("/<int:term_id>/remove")
@requires(Permission.EDIT)
def remove(term_id: int) -> Page:
    """Take a term out."""
    term = get_owned(session(), GlossaryTerm, term_id, current_organisation().id)
    remove_term(session(), term, by=current_member().id)
    flash(_("The term is removed."), "good")
    return redirect(url_for("messages.glossary.index"))


def _page(form: TermForm) -> Page:
    listed = select_terms(current_organisation().id)
    terms = asked_names(session(), listed, GlossaryTerm.term, GlossaryTerm.id, words="terms")
    return render_template("messages/glossary/index.html", form=form, terms=terms), form.status
