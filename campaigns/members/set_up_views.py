"""The first page of a system without members makes the first one, behind a code that was printed.

Until there is one no other page is served, but whether the system is well and what providers call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask_babel import gettext as _
from sqlalchemy import make_url
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.languages import all_languages
from campaigns.example.service import add_example
from campaigns.example.views import example_names
from campaigns.members.first_member import found, join, slug_of, zone_of_machine
from campaigns.members.set_up_code import is_code_of
from campaigns.members.set_up_forms import CodeForm, LateSetUpForm, SetUpForm
from campaigns.staff import service
from campaigns.staff.auth import begin_session
from campaigns.staff.models import Member
from campaigns.staff.queries import has_members
from campaigns.staff.sign_in import attempt_limits
from campaigns.staff.sign_in.attempt_limits import Limit
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.sign_in.password_rules import check_new_password
from campaigns.web.current import settings
from campaigns.web.filters import language_name
from campaigns.web.session import session, writing_apart

pages = Blueprint("set_up", __name__, url_prefix="/set-up")

#: Wrong codes after which the printed one opens nothing any more, until the server is started again.
MOST_TRIES, FOR_AS_LONG_AS = 10, timedelta(days=365)
#: What is answered before there is a member, beside this page and what providers call.
_OPEN = frozenset({"set_up.show", "static", "now.health", "account.language", "account.language_of_visitor"})
_HOOKS = "/hooks/"
_EXTENSION, _PROOF = "fingerpost.set_up", "set_up"

Page = str | Response | tuple[str, int]


@dataclass(slots=True)
class _SetUp:
    """What one process knows: the digest of the printed code, and whether somebody was seen to be a member."""

    code: str
    is_over: bool = field(default=False)


def init_set_up(app: Flask, code: str) -> None:
    """Let `app` serve nothing but the first page until there is a member; `code` is the printed one's digest."""
    known = app.extensions[_EXTENSION] = _SetUp(code)

    @app.before_request
    def lead_there() -> Response | None:
        if known.is_over or request.endpoint in _OPEN or request.path.startswith(_HOOKS):
            return None
        if has_members(session()):
            known.is_over = True
            return None
        return redirect(url_for("set_up.show"))


@pages.route("", methods=["GET", "POST"])
def show() -> Page:
    """Ask for the code, then for the organisation and its first member; afterwards lead to the sign-in."""
    known = cast("_SetUp | None", current_app.extensions.get(_EXTENSION))
    if known is None or has_members(session()):
        return redirect(url_for("security.login"))
    is_proven = cookie.get(_PROOF) == _proof(known)
    if not is_proven and "organisation" not in request.form:
        return _ask_for_code(known)
    form = SetUpForm() if is_proven else LateSetUpForm()
    if not form.is_submitted():
        form.time_zone.data = zone_of_machine()
    form.languages.choices = [(code, language_name(code)) for code in all_languages()]
    if form.validate_on_submit() and (is_proven or _is_right(known, form)):
        member = _make_first(form)
        if member is not None:
            if form.example.data:
                organisation = member.memberships[0].organisation
                add_example(session(), organisation, names=example_names(), by=member.id)
            return _begin(member)
    # Who has shown no code learns nothing of the installation.
    facts = _facts() if is_proven else None
    return render_template("members/set_up.html", form=form, facts=facts), form.status


def _ask_for_code(known: _SetUp) -> Page:
    form = CodeForm()
    if form.validate_on_submit() and _is_right(known, form):
        cookie[_PROOF] = _proof(known)
        return redirect(url_for("set_up.show"))
    return render_template("members/set_up_code.html", form=form), form.status


def _is_right(known: _SetUp, form: CodeForm | SetUpForm) -> bool:
    """Compare a typed code, counted before; put what is wrong beside the field."""
    tries = [Limit(_proof(known), MOST_TRIES, FOR_AS_LONG_AS)]
    with writing_apart() as writing:
        may_try = attempt_limits.pour(writing, tries, now=clock.now())
    if may_try and is_code_of(known.code, form.text("code")):
        return True
    wrong = _("This is not the code that was printed last.")
    used_up = _("There were too many wrong codes. Start Fingerpost again: it prints a new one.")
    form["code"].errors = [wrong if may_try else used_up]
    return False


def _make_first(form: SetUpForm) -> Member | None:
    """Make the organisation and its first member, or put what hinders it beside its field."""
    first, password, at = form.first(), form.text("password"), "password"
    around = (first.organisation, first.slug or slug_of(first.organisation), first.name, first.email)
    try:
        check_new_password(password, present="", around=around)
        hashed = seal_password(password)
        at = "slug"
        organisation = found(session(), first)
        at = "email"
        return join(session(), organisation, first, password_hash=hashed)
    except InputError as error:
        form.show(error, at)
    except RefusedError as error:
        form.show(error)
    return None


def _begin(member: Member) -> Response:
    """Sign the first member in."""
    service.sign_in(session(), member, from_known_device=False)
    cookie.pop(_PROOF, None)
    begin_session(member)
    flash(_("The system is set up, and you are its first member. What is needed next stands below."), "good")
    return redirect(url_for("now.index"))


def _proof(known: _SetUp) -> str:
    return attempt_limits.key_of(settings().secret_key, "set up", known.code)


def _facts() -> dict[str, object]:
    """Return what was checked before the page was shown."""
    ours = settings()
    url, path = make_url(ours.database_url), ours.keys_path
    is_file = url.get_backend_name() == "sqlite"
    return {
        "database": Path(url.database or "").name if is_file else f"PostgreSQL · {url.host or ''}/{url.database}",
        "keys_path": path if path is not None and path.exists() else None,
        "providers": sorted(name.lower() for name in ours.secrets),
    }
