"""Settings: one's own account, the organisation, its members and their audit trail."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request
from flask import session as cookie
from flask_security import current_user
from werkzeug.wrappers import Response

from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.staff import service
from campaigns.staff.auth import choose_organisation, current_member, requires
from campaigns.web.locale import SESSION_KEY
from campaigns.web.session import session

pages = Blueprint("staff", __name__, url_prefix="/settings")
account = Blueprint("account", __name__)


@account.post("/language")
def language() -> Response:
    """Change the interface language; people who have not signed in keep it in their session."""
    chosen = request.form.get("language", "")
    if chosen in INTERFACE_LANGUAGES:
        cookie[SESSION_KEY] = chosen
        if current_user.is_authenticated and current_member().locale != chosen:
            service.set_locale(session(), current_member(), chosen)
    return redirect(_local(request.form.get("next", "/")))


@account.post("/organisation")
@requires()
def organisation() -> Response:
    """Work in another organisation."""
    choose_organisation(request.form.get("organisation_id", 0, type=int))
    return redirect("/")


@pages.get("")
@requires()
def index() -> str:
    """Show one's account and the ways to everything an administrator sets."""
    return render_template("staff/index.html")


def _local(address: str) -> str:
    # Only a path of ours: an address with a host would send people elsewhere.
    parts = urlsplit(address)
    is_ours = not parts.scheme and not parts.netloc and address.startswith("/") and "\\" not in address
    return address.rstrip("?") if is_ours else "/"
