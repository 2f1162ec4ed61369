"""Staff pages show what partners share: their library by theme, and one message to be copied."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.folding import has_words
from campaigns.messages.library.service import (
    copy_message,
    get_shared,
    load_shared_titles,
    select_shared,
    shown_to_partners,
)
from campaigns.messages.models import Message
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.keyed_pages import asked_page
from campaigns.web.session import session

pages = Blueprint("library", __name__, url_prefix="/partners")

#: Characters of a title that are looked for.
_LONGEST_SOUGHT = 200
Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List what partners share, by theme, or that of one theme or with words in its title."""
    organisation_id, theme = current_organisation().id, request.args.get("theme", "")
    find = request.args.get("find", "").strip()[:_LONGEST_SOUGHT]
    statement = select_shared(session(), organisation_id)
    if theme:
        statement = statement.where(Message.theme == theme)
    if find:
        titled = load_shared_titles(session(), organisation_id)
        statement = statement.where(Message.id.in_([each for each, title in titled if has_words(title, find)]))
    page = asked_page(session(), statement, Message.id)
    return render_template(
        "messages/library/partners.html",
        page=page,
        shared=shown_to_partners(page.rows),
        chosen={"theme": theme, "find": find},
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
