"""Staff pages show a message's versions and what each changed."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.queries import get_version
from campaigns.messages.translations.versions import changes_between, load_history, load_versions
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("versions", __name__)

Page = str | Response | tuple[str, int]


@pages.get("/<int:message_id>/versions")
@requires(Permission.READ_PLANS)
def index(message_id: int) -> Page:
    """List the versions of a message with what each changed."""
    message = get_owned(session(), Message, message_id, current_organisation().id)
    history = load_history(session(), message)
    names = load_member_names(session(), [line.version.member_id for line in history])
    return render_template("messages/translations/versions.html", message=message, history=history, names=names)


@pages.get("/<int:message_id>/versions/<int:version>")
@requires(Permission.READ_PLANS)
def show(message_id: int, version: int) -> Page:
    """Show all texts of one version, or what changed since another one (`since`)."""
    message = get_owned(session(), Message, message_id, current_organisation().id)
    kept = get_version(session(), message, version)
    since = request.args.get("since", type=whole_number)
    before = get_version(session(), message, since) if since is not None else None
    if before is not None and before.version >= kept.version:
        raise NotFoundError(N_("This version of the message is not kept."))
    return render_template(
        "messages/translations/version.html",
        message=message,
        kept=kept,
        withdrawal=find_withdrawal(session(), message.id, kept.version),
        before=before,
        changes=changes_between(before, kept),
        numbers=[each.version for each in load_versions(session(), message) if each.version < kept.version],
        names=load_member_names(session(), [kept.member_id]),
    )
