"""A closed gate leads each member to the page where they open it: a reviewer to the texts that wait."""

from __future__ import annotations

from typing import Any

from campaigns.messages.gates import Gate
from campaigns.messages.queries import find_unreviewed
from campaigns.staff.auth import current_member, current_organisation, may_now
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

#: The page on which a reviewer reads all texts that wait.
REVIEWS = "messages.reviews.index"


def way_of(gate: Gate) -> tuple[str, dict[str, Any]]:
    """Return the endpoint and values of the page where the current member opens a gate."""
    if gate.waiting and may_now(Permission.REVIEW):
        message_id, wanted = gate.link_values["message_id"], set(gate.waiting)
        found = find_unreviewed(session(), current_organisation().id, current_member().id)
        if any(message.id == message_id and wanted.intersection(languages) for message, languages in found):
            return REVIEWS, {"message": message_id}
    return gate.link_endpoint, gate.link_values
