"""Staff pages of senders, for administrators: the numbers and names messages come from, and their pace."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.planning import queries, senders
from campaigns.planning.forms import SenderChangeForm, SenderForm
from campaigns.planning.models import Sender
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.session import session

pages = Blueprint("senders", __name__, url_prefix="/senders")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.ADMINISTER)
def index() -> Page:
    """List the senders the organisation may use."""
    found = session().scalars(queries.select_senders(current_organisation().id)).all()
    return render_template("planning/senders.html", senders=found)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def create() -> Page:
    """Add a sender of the organisation."""
    form = SenderForm()
    if form.validate_on_submit():
        try:
            senders.create_sender(session(), current_organisation().id, facts=form.facts(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            return redirect(url_for("planning.senders.index"))
    return render_template("planning/sender.html", form=form, sender=None), form.status


@pages.route("/<int:sender_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(sender_id: int) -> Page:
    """Change the name, pace or switch of one of the organisation's own senders."""
    sender = get_owned(session(), Sender, sender_id, current_organisation().id)
    form = SenderChangeForm(obj=sender)
    if form.validate_on_submit():
        try:
            pace, active = float(form.pace.data or 0), bool(form.active.data)
            senders.update_sender(
                session(), sender, name=form.text("name"), pace=pace, active=active, by=current_member().id
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            return redirect(url_for("planning.senders.index"))
    return render_template("planning/sender.html", form=form, sender=sender), form.status
