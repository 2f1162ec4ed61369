"""Pure functions say what will happen next, and when, to deliveries whose outcome is not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.delivery.repair.doubts import TIMES_ABSENT
from campaigns.delivery.timeouts import Patience


@dataclass(frozen=True, slots=True)
class Outlook:
    """The times that lie before the first of a run's deliveries in doubt; later ones follow in their turn."""

    #: When the first of them was called.
    since: datetime
    #: When the provider's list is asked for it.
    asked_at: datetime
    #: Whether that time is over.
    is_asked: bool
    #: When it is sent again, if the list never has it; None: only a member may send it again.
    resent_at: datetime | None
    #: When it becomes unconfirmed, if nothing settles it.
    unconfirmed_at: datetime


def outlook_of(since: datetime | None, patience: Patience, *, resends: bool, now: datetime) -> Outlook | None:
    """Return what lies before deliveries in doubt, the first of them called at `since`; None when there are none.

    `resends` is the policy of the run for what the provider never had.
    """
    if since is None:
        return None
    asked_at = since + patience.grace
    return Outlook(
        since=since,
        asked_at=asked_at,
        is_asked=asked_at <= now,
        resent_at=asked_at + patience.interval * (TIMES_ABSENT - 1) if resends else None,
        unconfirmed_at=since + patience.unconfirmed_after,
    )
