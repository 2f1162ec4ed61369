"""Whoever forgot a password asks here for a link by mail, and chooses another one by it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.members.forgotten.asking_limits import limits_on_links
from campaigns.members.forgotten.forms import AskForm, ChooseForm
from campaigns.members.forgotten.reset_links import (
    LIVES,
    RESET,
    ask_for_link,
    find_trusting,
    get_link,
    may_be_confirmed,
    use_link,
)
from campaigns.proposals.views import kinds_now
from campaigns.staff.queries import load_words_around
from campaigns.staff.sign_in.attempt_limits import pour
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.sign_in.password_rules import check_new_password
from campaigns.web.current import settings
from campaigns.web.session import session, writing_apart

pages = Blueprint("forgotten", __name__, url_prefix="/forgotten")

Page = str | Response | tuple[str, int]


@pages.route("", methods=["GET", "POST"])
def ask() -> Page:
    """Take an address; the answer is the same whosever it is, also when too many were asked for."""
    form, mails = AskForm(), bool(settings().smtp_url)
    if not (mails and form.validate_on_submit()):
        return render_template("members/forgotten/ask.html", form=form, mails=mails), form.status
    email, now = form.text("email"), clock.now()
    with writing_apart() as writing:
        is_counted = pour(
            writing, limits_on_links(settings().secret_key, request.environ, email, now=now), now=now
        )
    if is_counted:
        ask_for_link(session(), email)
    return render_template("members/forgotten/asked.html", minutes=_minutes())


@pages.route("/<token>", methods=["GET", "POST"])
def choose(token: str) -> Page:
    """Show whose password is chosen, and take it; opening the link changes nothing."""
    link, member = get_link(session(), token)
    trusted = None if link.is_invitation else find_trusting(session(), member)
    # What nobody can confirm is not chosen: it would be lost, and the link with it.
    is_taken, form = trusted is None or may_be_confirmed(session(), trusted), ChooseForm()
    if is_taken and form.validate_on_submit():
        try:
            check_new_password(form.text("password"), present="", around=load_words_around(member))
            hashed = seal_password(form.text("password"))
        except InputError as error:
            form.show(error, "password")
            link, member = get_link(session(), token)
        else:
            # Read anew and held: of two who use it at once, one has come too late.
            link, member = get_link(session(), token, for_update=True)
            if use_link(session(), link, member, kinds_now()[RESET], password_hash=hashed) is not None:
                return render_template("members/forgotten/waits.html")
            flash(_("Your password is changed. Sign in with it."), "good")
            return redirect(url_for("security.login"))
    page = render_template(
        "members/forgotten/choose.html",
        form=form,
        of=member,
        is_invitation=link.is_invitation,
        takes_two=trusted is not None,
        is_taken=is_taken,
    )
    return page, form.status


def _minutes() -> int:
    return int(LIVES.total_seconds() // 60)
