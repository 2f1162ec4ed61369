"""Of what somebody does who gives no name the hour is kept, and in the audit the day: whoever knows when a phone
was used, or who sat at a computer, finds nobody by the second.

The queue needs a little more: who may be in danger is passed on after minutes, so such a wait begins with its five
minutes. All are rounded down: nobody is answered later for it. Of an answer of the team the second stays.
"""

from __future__ import annotations

from datetime import datetime

from campaigns.core import clock
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.urgency.levels import Urgency

#: A wait in danger begins with so many minutes.
MINUTES = 5


class ReportClock:
    """When something was written in a report, as far as it is kept."""

    def __init__(self, before: Conversation | None) -> None:
        """Read the clock; `before` is the conversation in which it is written, None for a new one."""
        self._now = clock.now()
        hour = clock.hour_of(self._now)
        #: The hour, but never before what was written last: a thread keeps its order.
        self.received_at = max(hour, before.last_at) if before else hour
        is_waiting = before is not None and before.waiting_since is not None and before.snoozed_until is None
        self._before = (before.urgency, before.urgent_since) if before is not None and is_waiting else None

    def set_wait(self, conversation: Conversation) -> None:
        """Let a wait that began, or became more urgent, begin now as far as its urgency needs it."""
        if self._before and conversation.urgency == self._before[0]:
            # It goes on; its steps are known by when it began.
            conversation.urgent_since = self._before[1]
        elif conversation.urgency >= Urgency.DANGER:
            conversation.urgent_since = self._five_minutes()

    def _five_minutes(self) -> datetime:
        return self._now.replace(minute=self._now.minute // MINUTES * MINUTES, second=0, microsecond=0)
