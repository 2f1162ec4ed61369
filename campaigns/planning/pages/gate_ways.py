"""A closed gate leads each member to the page where they open it: a reviewer to the texts that wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.messages.gates import Gate
from campaigns.messages.models import Message
from campaigns.messages.queries import find_reviewable
from campaigns.staff.auth import current_member, current_organisation, may_now
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.session import session


@dataclass(frozen=True, slots=True)
class Way:
    """The page on which a member opens a gate: its endpoint and values."""

    page: str
    values: dict[str, Any]
    #: It is the page on which a reviewer reads all texts that wait.
    is_review: bool = False


def way_of(gate: Gate) -> Way:
    """Return the page where the current member opens a gate."""
    if gate.waiting and may_now(Permission.REVIEW):
        message = get_owned(session(), Message, gate.link_values["message_id"], current_organisation().id)
        if set(gate.waiting).intersection(find_reviewable(session(), message, current_member().id)):
            return Way("messages.reviews.index", {"message": message.id}, is_review=True)
    return Way(gate.link_endpoint, gate.link_values)
