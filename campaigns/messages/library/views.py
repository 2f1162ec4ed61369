"""Staff pages show what partners share: their library by theme, and one message to be copied."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.messages.library.service import copy_message, get_shared, load_shared
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

pages = Blueprint("library", __name__, url_prefix="/partners")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List what partners share, by theme."""
    return render_template(
        "messages/library/partners.html", shared=load_shared(session(), current_organisation().id)
    )


@pages.get("/<int:shared_id>")
@requires(Permission.READ_PLANS)
def show(shared_id: int) -> Page:
    """Show a partner's message in all its reviewed languages."""
    shared = get_shared(session(), shared_id, current_organisation().id)
    return render_template("messages/library/shared.html", shared=shared)


@pages.post("/<int:shared_id>/copy")
@requires(Permission.EDIT)
def copy(shared_id: int) -> Page:
    """Copy a partner's message, with where it comes from."""
    shared = get_shared(session(), shared_id, current_organisation().id)
    message = copy_message(session(), current_organisation().id, shared, by=current_member().id)
    flash(_("Copied. Somebody of your organisation must review each text before it is sent."), "good")
    return redirect(url_for("messages.show", message_id=message.id))
