"""Administrators name the key to which exports are encrypted, and prove that they have the other half."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.handing_over.exporting import export_keys
from campaigns.inbox.handing_over.exporting.forms import KeyForm, WordForm
from campaigns.inbox.handing_over.models import ExportKey
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names
from campaigns.web.current import vault
from campaigns.web.session import session

pages = Blueprint("export_keys", __name__, url_prefix="/settings/export-key")

Page = str | Response | tuple[str, int]


@pages.route("", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def index() -> Page:
    """Show the key, and take another one."""
    form = KeyForm()
    if form.validate_on_submit():
        ours, recipient = current_organisation().id, form.text("recipient")
        try:
            export_keys.add_key(session(), ours, recipient, by=current_member().id, vault=vault())
        except InputError as error:
            form.show(error, "recipient")
        else:
            return redirect(url_for("export_keys.index"))
    return _index(form, WordForm(formdata=None)), form.status


@pages.post("/confirm")
@requires(Permission.ADMINISTER, fresh=True)
def confirm() -> Page:
    """Take the word that was encrypted to the key."""
    key, form = _own(), WordForm()
    if form.validate_on_submit():
        try:
            export_keys.confirm_key(session(), key, form.text("word"), by=current_member().id, vault=vault())
        except (InputError, TransitionError) as error:
            form.show(error, "word")
        else:
            flash(_("The key is confirmed: hand-overs can be exported from now on."), "good")
            return redirect(url_for("export_keys.index"))
    return _index(KeyForm(formdata=None), form), form.status


@pages.post("/remove")
@requires(Permission.ADMINISTER, fresh=True)
def remove() -> Response:
    """Forget the key."""
    export_keys.remove_key(session(), _own(), by=current_member().id)
    flash(_("The key is removed. Hand-overs can be read here only."), "good")
    return redirect(url_for("export_keys.index"))


def _index(form: KeyForm, word: WordForm) -> str:
    key = export_keys.find_key(session(), current_organisation().id)
    people = [] if key is None else [key.added_by_id, key.confirmed_by_id]
    names = load_member_names(session(), people)
    return render_template("inbox/handing_over/exporting/key.html", key=key, form=form, word=word, names=names)


def _own() -> ExportKey:
    key = export_keys.find_key(session(), current_organisation().id)
    if key is None:
        raise NotFoundError(N_("There is no key yet."))
    return key
