"""The inbox: what people answered, newest first."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from campaigns.core import clock
from campaigns.inbox import queries
from campaigns.inbox.display import visible
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import vault
from campaigns.web.pagination import paginate
from campaigns.web.session import session

pages = Blueprint("inbox", __name__, url_prefix="/inbox")


@pages.get("")
@requires(Permission.ANSWER)
def list_replies() -> str:
    """List the replies to the organisation with their texts."""
    organisation_id = current_organisation().id
    number = request.args.get("page", 1, type=int)
    page = paginate(session(), queries.select_replies(organisation_id), number)
    return render_template(
        "inbox/list_replies.html",
        page=page,
        replies=queries.open_replies(session(), page.rows, vault=vault()),
        opt_outs=queries.count_opt_outs(session(), organisation_id, now=clock.now()),
        visible=visible,
    )
