"""Settings show one's own account and the organisation's audit trail."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.core.languages import INTERFACE_LANGUAGES, all_languages
from campaigns.core.words import N_
from campaigns.staff import act_details, act_names, audit, queries, service
from campaigns.staff.auth import (
    choose_organisation,
    current_member,
    current_organisation,
    is_own_password,
    renew_session,
    requires,
)
from campaigns.staff.forms import ROLE_NAMES, LanguagesForm, PasswordForm
from campaigns.staff.models import AuditEntry
from campaigns.staff.notes import open_reasons
from campaigns.staff.permissions import Permission
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.sign_in.password_rules import check_new_password
from campaigns.web.current import vault
from campaigns.web.filters import language_name
from campaigns.web.guards.hosts import local_path
from campaigns.web.keyed_pages import KeyedPage, asked_page
from campaigns.web.locale import SESSION_KEY
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("staff", __name__, url_prefix="/settings")
account = Blueprint("account", __name__)


@pages.record_once
def _watch(state: BlueprintSetupState) -> None:
    state.app.extensions["chain_looks"] = audit.ChainLooks()


Page = str | Response | tuple[str, int]


@account.post("/language")
def language() -> Response:
    """Change the interface language; people who have not signed in keep it in their session."""
    chosen = request.form.get("language", "")
    if chosen in INTERFACE_LANGUAGES:
        cookie[SESSION_KEY] = chosen
        if current_user.is_authenticated and current_member().locale != chosen:
            service.set_locale(session(), current_member(), chosen)
    return redirect(local_path(request.form.get("next", "/")))


@account.get("/language")
def language_of_visitor() -> Response:
    """Change the language of somebody who has not signed in: the first form that leaves a cookie with them."""
    chosen = request.args.get("language", "")
    if chosen in INTERFACE_LANGUAGES and not current_user.is_authenticated:
        cookie[SESSION_KEY] = chosen
    return redirect(local_path(request.args.get("next", "/")))


@account.post("/organisation")
@requires()
def organisation() -> Response:
    """Work in another organisation."""
    choose_organisation(request.form.get("organisation_id", 0, type=whole_number))
    return redirect("/")


@account.route("/settings/password", methods=["GET", "POST"])
@requires()
def password() -> Page:
    """Change one's own password; every other session of the member ends."""
    form, member = PasswordForm(), current_member()
    if form.validate_on_submit():
        if not is_own_password(form.text("current")):
            form.show(InputError(N_("This is not your present password.")), "current")
            return render_template("staff/sign_in/password.html", form=form), form.status
        try:
            check_new_password(
                form.text("new"), present=form.text("current"), around=queries.load_words_around(member)
            )
        except InputError as error:
            form.show(error, "new")
        else:
            service.change_password(session(), member, seal_password(form.text("new")))
            renew_session()
            flash(_("Your password is changed. Other devices must sign in again."), "good")
            return redirect(url_for("staff.index"))
    return render_template("staff/sign_in/password.html", form=form), form.status


@account.route("/settings/languages", methods=["GET", "POST"])
@requires()
def languages() -> Page:
    """Say which languages one reads and writes for people."""
    form = LanguagesForm(data={"languages": current_member().languages})
    form.languages.choices = [(code, language_name(code)) for code in all_languages()]
    if form.validate_on_submit():
        service.set_languages(session(), current_member(), form.languages.data or ())
        flash(_("Saved. The inbox shows you first who writes in these languages."), "good")
        return redirect(url_for("staff.index"))
    return render_template("staff/languages.html", form=form), form.status


@pages.get("")
@requires()
def index() -> Page:
    """Show one's account and the ways to everything an administrator sets."""
    return render_template("staff/index.html", role_names=ROLE_NAMES)


@pages.get("/audit")
@requires(Permission.ADMINISTER)
def audit_trail() -> Page:
    """List what members did, to one kind of thing or to all."""
    return _audit_page(look=None)


@pages.get("/audit/check")
@requires(Permission.ADMINISTER)
def check_audit() -> Page:
    """Say where the chain of the audit trail breaks, if it does, by a look that is minutes old at most."""
    return _audit_page(look=current_app.extensions["chain_looks"].look(session()))


def _audit_page(*, look: audit.ChainLook | None) -> str:
    about = request.args.get("about", "")
    about = about if about in act_names.SUBJECTS else ""
    entries = queries.select_audit(current_organisation().id, about=about)
    page = asked_page(session(), entries, AuditEntry.id)
    return render_template(
        "staff/audit.html",
        page=page,
        reasons=_reasons(page),
        look=look,
        about=about,
        words=act_names,
        details=act_details,
    )


def _reasons(page: KeyedPage) -> dict[int, str]:
    return open_reasons(session(), [entry.id for entry, _name in page.rows], vault=vault())
