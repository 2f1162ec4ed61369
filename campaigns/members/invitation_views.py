"""Whoever was invited chooses a password here, and is signed in; opening the link alone changes nothing."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.members.forms import InvitationForm
from campaigns.members.invitations import get_invited
from campaigns.staff import service
from campaigns.staff.auth import begin_session
from campaigns.staff.models import Member
from campaigns.staff.queries import load_words_around
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.sign_in.password_rules import check_new_password
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("invitation", __name__, url_prefix="/invitation")

Page = str | Response | tuple[str, int]


@pages.route("/<token>", methods=["GET", "POST"])
def accept(token: str) -> Page:
    """Show who invites whom, and take the password that they choose."""
    member, form = _invited(token), InvitationForm()
    if form.validate_on_submit():
        try:
            check_new_password(form.text("password"), present="", around=load_words_around(member))
            hashed = seal_password(form.text("password"))
        except InputError as error:
            form.show(error, "password")
        else:
            # Read anew and held: of two who use it at once, one has come too late.
            member = _invited(token, for_update=True)
            service.change_password(session(), member, hashed)
            service.sign_in(session(), member, from_known_device=False)
            begin_session(member)
            flash(_("Welcome. From now on you sign in with your e-mail address and this password."), "good")
            return redirect(url_for("now.index"))
    member = _invited(token)
    return render_template("members/invitation.html", form=form, invited=member), form.status


def _invited(token: str, *, for_update: bool = False) -> Member:
    return get_invited(session(), token, settings().secret_key, for_update=for_update)
