"""Time stands still where a test says so."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from campaigns.core import clock


def standing_at(moment: datetime) -> AbstractContextManager[None]:
    """Let it be `moment` inside the block."""
    return clock.running_on(lambda: moment)
