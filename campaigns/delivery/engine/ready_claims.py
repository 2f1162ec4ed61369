"""Claims that wait for their call stand in a line here, the most urgent first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from campaigns.delivery.engine.decisions import Back, Decided, tell
from campaigns.delivery.engine.ports import Claimed


class ReadyClaims:
    """What a lane claimed and nobody called yet."""

    def __init__(self, priority_of: Callable[[int], int]) -> None:
        """Prepare a line; `priority_of` says how urgent a run is."""
        self._line, self._priority_of = deque[Claimed](), priority_of

    def __len__(self) -> int:
        return len(self._line)

    def take_first(self) -> Claimed:
        """Take out and return the claim whose turn it is; there must be one."""
        return self._line.popleft()

    def line_up(self, claimed: Sequence[Claimed]) -> None:
        """Let claims of one run wait behind those that are as urgent, and before all others."""
        priority, line = self._priority_of(claimed[0].run_id) if claimed else 0, self._line
        passed = deque[Claimed]()
        while priority and line and self._priority_of(line[-1].run_id) < priority:
            passed.appendleft(line.pop())
        line.extend(claimed)
        line.extend(passed)

    def has_older_than(self, moment: datetime) -> bool:
        """Say whether the claim that waits behind all others was made before a moment."""
        return bool(self._line) and self._line[-1].intent_at < moment

    def take_out(self, why: Callable[[Claimed], Back | None]) -> list[Claimed]:
        """Take out and return the claims of which `why` gives a reason to go back to the queue."""
        out = list[Claimed]()
        for _ in range(len(self._line)):
            claimed = self._line.popleft()
            reason = why(claimed)
            if reason is None:
                self._line.append(claimed)
            else:
                out.append(claimed)
                tell(Decided.GOES_BACK, delivery=claimed.id, run=claimed.run_id, code=reason)
        return out
