"""Pure rules say when a member gets one more mail: at once of somebody new in danger, of others ever more seldom.

The longer a busy time lasts, the longer the pauses: nobody reads sixty mails a day. Quiet hours make them short
again. Somebody of whom a mail told a member already is told of again after such a pause, too, though in danger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.inbox.urgency.levels import Urgency

#: Mails that a member gets in an hour at most, and those of them that are kept for whoever may be in danger.
MOST_AN_HOUR = 6
_KEPT_FOR_DANGER = 3
#: Those of an hour about urgent runs: of the others one at least is left for whoever waits.
_MOST_OF_RUNS = 2
_HOUR = timedelta(hours=1)
#: Mails of an urgency are counted so far back, and make the pause before the next one.
COUNTED_BACK = timedelta(hours=8)
#: Pauses after one mail, two, and so on; the last holds for more. Whoever needs help within a day is to be
#: answered within four hours of duty, of which the longest one leaves half.
_OF_DAY = tuple(timedelta(minutes=each) for each in (10, 20, 40, 60, 120))
_TOLD_AGAIN = tuple(timedelta(minutes=each) for each in (15, 30, 60))
#: Between two mails about whoever waits less urgently.
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A mail that a member got, or is getting."""

    urgency: Urgency
    created_at: datetime
    #: When it was taken: one that was taken at the second try reached them then.
    changed_at: datetime
    #: It tells of an urgent run: nobody who waits is told of later for it.
    is_of_run: bool = False


def may_get_one(urgency: Urgency, earlier: Sequence[Earlier], *, is_news: bool, now: datetime) -> bool:
    """Say whether a member may get one more mail now (UTC), by those of the last day.

    `is_news` says whether it tells of somebody of whom no mail that was taken told them.
    """
    in_hour = _in_hour(earlier, now)
    if len(in_hour) >= MOST_AN_HOUR:
        return False
    if urgency >= Urgency.DANGER and is_news:
        return True
    alike = [each.created_at for each in earlier if each.urgency == urgency and not each.is_of_run]
    if any(at > now - _pause(urgency, alike, now) for at in alike):
        return False
    return urgency >= Urgency.DANGER or _leaves_room(in_hour)


def may_hear_of_run(earlier: Sequence[Earlier], *, now: datetime) -> bool:
    """Say whether a member may get a mail about an urgent run now: at once, but for those kept for others."""
    in_hour = _in_hour(earlier, now)
    of_runs = [each for each in in_hour if each.is_of_run]
    return len(in_hour) < MOST_AN_HOUR and len(of_runs) < _MOST_OF_RUNS and _leaves_room(in_hour)


def _in_hour(earlier: Sequence[Earlier], now: datetime) -> list[Earlier]:
    return [each for each in earlier if each.changed_at > now - _HOUR]


def _leaves_room(in_hour: Sequence[Earlier]) -> bool:
    """Say whether one more mail leaves those of an hour that are kept for whoever may be in danger."""
    digests = [each for each in in_hour if each.urgency < Urgency.DANGER]
    return len(digests) < MOST_AN_HOUR - _KEPT_FOR_DANGER


def _pause(urgency: Urgency, alike: Sequence[datetime], now: datetime) -> timedelta:
    """Return the pause before the next mail of an urgency, after those that there were."""
    if urgency < Urgency.DAY:
        return LONGEST_PAUSE
    steps = _TOLD_AGAIN if urgency >= Urgency.DANGER else _OF_DAY
    count = sum(at > now - COUNTED_BACK for at in alike)
    return steps[min(count, len(steps)) - 1] if count else timedelta()
