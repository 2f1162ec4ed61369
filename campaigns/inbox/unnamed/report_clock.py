"""Of what somebody does who gives no name the hour is kept, and in the audit the day: whoever knows when a phone
was used, or who sat at a computer, finds nobody by the second.

The queue needs a little more: who may be in danger is passed on after minutes, so such a wait begins with its five
minutes. All are rounded down: nobody is answered later for it. Of what the team did the second stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.core import clock
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began_at
from campaigns.inbox.urgency.levels import Urgency

#: A wait in danger begins with so many minutes.
MINUTES = 5
#: A wait begins so much after the one before it, where both would begin with one hour: its steps are known by when
#: it began, and those of the other are taken.
APART = timedelta(seconds=1)


class ReportClock:
    """When something was written in a report, as far as it is kept."""

    def __init__(self, before: Conversation | None) -> None:
        """Read the clock; `before` is the conversation in which it is written, None for a new one."""
        self._now = clock.now()
        hour = clock.hour_of(self._now)
        #: The hour, but never before what was written last: a thread keeps its order.
        self.received_at = max(hour, before.last_at) if before else hour
        until = before.snoozed_until if before else None
        is_put_off = until is not None and until > self._now
        since = began_at(before) if before and not is_put_off else None
        #: How urgent a wait is that goes on, and when it began.
        self._goes_on = (before.urgency, since) if before and since else None
        known = (before.urgent_since, before.closed_at, since) if before else ()
        #: The latest moment with which a wait before this one began or ended.
        self._earlier = max(filter(None, known), default=None)

    def set_wait(self, conversation: Conversation) -> None:
        """Let a wait that began, or became more urgent, begin now as far as its urgency needs it."""
        if self._goes_on and conversation.urgency == self._goes_on[0]:
            # It goes on; its steps are known by when it began.
            conversation.urgent_since = self._goes_on[1]
            return
        begins = self._five_minutes() if conversation.urgency >= Urgency.DANGER else self.received_at
        after = self._earlier + APART if self._earlier else begins
        conversation.urgent_since = max(begins, self.received_at, after)

    def _five_minutes(self) -> datetime:
        return self._now.replace(minute=self._now.minute // MINUTES * MINUTES, second=0, microsecond=0)
