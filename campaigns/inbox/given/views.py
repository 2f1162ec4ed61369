"""One page lists everybody who was given a service's number, by campaign or in a conversation."""

from __future__ import annotations

from flask import Blueprint, render_template

from campaigns.directory.models import Service
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.queries import load_rows
from campaigns.inbox.conversations.views import words
from campaigns.inbox.given.given_numbers import count_people, find_runs, select_conversations
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import vault
from campaigns.web.ordered_pages import asked_rows
from campaigns.web.session import session

pages = Blueprint("given", __name__, url_prefix="/inbox/given")


@pages.get("/<int:service_id>")
@requires(Permission.ANSWER)
def show(service_id: int) -> str:
    """Show who was given a number, and where each of them can be told that it is dead."""
    service = get_owned(session(), Service, service_id, current_organisation().id)
    shown = select_conversations(service).where(~Conversation.is_complaint)
    keys = [Conversation.last_at, Conversation.id]
    page = asked_rows(session(), shown, keys, words="given", is_falling=True)
    runs = find_runs(session(), service)
    is_quick = all(run.people is not None for run in runs)
    return render_template(
        "inbox/given.html",
        service=service,
        people=count_people(session(), service) if is_quick else None,
        runs=runs,
        page=page,
        rows=load_rows(session(), page.rows, vault=vault()),
        **words(),
    )
