"""A data manager erases a person on this page."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.models import Contact, Erasure
from campaigns.core.errors import InputError, TransitionError
from campaigns.erasing.forms import EraseForm
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import vault
from campaigns.web.session import session

pages = Blueprint("erasing", __name__)

Page = str | Redirect | tuple[str, int]


@pages.route("/audience/contacts/<int:contact_id>/erase", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def erase(contact_id: int) -> Page:
    """Erase everything that the organisation holds of a person."""
    contact = get_owned(session(), Contact, contact_id, current_organisation().id)
    back = redirect(url_for("audience.contacts.show", contact_id=contact_id))
    if contact.erased_at is not None:
        return back
    form = EraseForm()
    if form.validate_on_submit():
        why, words = Why(form.text("why")), form.text("words")
        try:
            is_done = ask_to_erase(session(), contact, by=current_member().id, why=why, words=words, vault=vault())
        except (InputError, TransitionError) as error:
            form.show(error, "words")
        else:
            flash(
                _("Their data is erased.")
                if is_done
                else _("Something is on its way to or from them. Their data is erased within minutes."),
                "good",
            )
            return back
    is_waiting = session().get(Erasure, contact_id) is not None
    return render_template("erasing/erase.html", contact=contact, form=form, is_waiting=is_waiting), form.status
