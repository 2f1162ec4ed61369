"""Members decide on these pages whether people meant a stop, and a data manager lifts a stop."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.models import AddressState, Channel, Contact
from campaigns.core.errors import InputError, TransitionError
from campaigns.inbox.holds import settling
from campaigns.inbox.holds.forms import LiftForm
from campaigns.inbox.models import Reply
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import vault
from campaigns.web.error_words import refusals_told
from campaigns.web.session import session

pages = Blueprint("settling", __name__)

Page = str | Redirect | tuple[str, int]


@pages.post("/audience/contacts/<int:contact_id>/opt-out")
@requires(Permission.SETTLE_CONSENT)
def opt_out(contact_id: int) -> Redirect:
    """Opt a person out."""
    return _settle(contact_id, settling.opt_out, _("They have opted out. Nobody here writes to them any more."))


@pages.post("/audience/contacts/<int:contact_id>/hold")
@requires(Permission.SETTLE_CONSENT)
def put_on_hold(contact_id: int) -> Redirect:
    """Put a person on hold."""
    return _settle(contact_id, settling.put_on_hold, _("They are on hold until a member decides."))


@pages.post("/audience/contacts/<int:contact_id>/end-hold")
@requires(Permission.SETTLE_CONSENT)
def end_hold(contact_id: int) -> Redirect:
    """Say that it was no stop."""
    return _settle(contact_id, settling.end_hold, _("It was no opt-out. They get messages again."))


@pages.route("/audience/contacts/<int:contact_id>/lift-stop", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def lift_stop(contact_id: int) -> Page:
    """Lift a stop, with the evidence for it; administrators are told."""
    contact, form = _own(contact_id), LiftForm()
    stopped = [Channel(one.channel) for one in contact.addresses if one.state == AddressState.OPTED_OUT]
    if not stopped:
        flash(_("They have not opted out."), "info")
        return redirect(url_for("audience.contacts.show", contact_id=contact_id))
    form.offer(stopped)
    if form.validate_on_submit():
        channel, evidence = Channel(form.text("channel")), form.text("evidence")
        try:
            settling.lift_stop(
                session(), contact, channel, by=current_member().id, evidence=evidence, vault=vault()
            )
        except (InputError, TransitionError) as error:
            form.show(error, "evidence")
        else:
            flash(_("The opt-out is lifted. The administrators of your organisation are told."), "good")
            return redirect(url_for("audience.contacts.show", contact_id=contact_id))
    return render_template("inbox/holds/lift_stop.html", contact=contact, form=form), form.status


@pages.post("/inbox/<int:reply_id>/settle")
@requires(Permission.ANSWER)
def settle_stranger(reply_id: int) -> Redirect:
    """Decide what somebody meant who is no contact."""
    reply = get_owned(session(), Reply, reply_id, current_organisation().id)
    is_stop, reason = request.form.get("decision") == "stop", request.form.get("reason", "")
    with refusals_told(InputError, TransitionError):
        by = current_member().id
        settling.settle_stranger(session(), reply, is_stop=is_stop, by=by, reason=reason, vault=vault())
        flash(_("Decided."), "good")
    return redirect(url_for("inbox.queue"))


def _settle(contact_id: int, verb: Callable[..., int], done: str) -> Redirect:
    contact = _own(contact_id)
    with refusals_told(InputError, TransitionError):
        verb(session(), contact, by=current_member().id, reason=request.form.get("reason", ""), vault=vault())
        flash(done, "good")
    back, _dash, conversation_id = request.form.get("back", "").partition("-")
    if may_now(Permission.ANSWER):
        if back == "inbox":
            return redirect(url_for("inbox.queue"))
        if back == "conversation" and conversation_id.isdecimal():
            return redirect(f"/inbox/{conversation_id}")
    return redirect(url_for("audience.contacts.show", contact_id=contact_id))


def _own(contact_id: int) -> Contact:
    return get_owned(session(), Contact, contact_id, current_organisation().id)
