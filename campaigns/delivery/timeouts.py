"""Settings say how long each repair of delivery waits before it acts, and how long it has to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from campaigns.core.errors import SettingsError
from campaigns.core.settings import Mode, Settings
from campaigns.core.words import N_
from campaigns.delivery.lanes.call_limits import INTENT_LIFE

#: A call that began within the fence and lasts as long as it may is over by then.
SHORTEST_REAP = INTENT_LIFE + timedelta(seconds=30)
#: Meant to be well beyond what a provider keeps an idle connection. A worker that was frozen between the fence and
#: the first byte writes into it when it wakes: until it is closed, the provider's list may not be believed.
SHORTEST_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each repair waits."""

    #: A call without a result becomes `unknown`; longer than any call can last.
    reap_after: timedelta
    #: An unknown delivery waits so long for a receipt before the list is asked.
    grace: timedelta
    #: Pause between two looks into the list for one delivery.
    interval: timedelta
    #: An unknown delivery becomes `unconfirmed`.
    unconfirmed_after: timedelta


def patience_of(settings: Settings) -> Patience:
    """Return how long each repair waits by the settings."""
    return Patience(
        reap_after=timedelta(seconds=settings.reap_after_seconds),
        grace=timedelta(seconds=settings.reconcile_grace_seconds),
        interval=timedelta(seconds=settings.reconcile_interval_seconds),
        unconfirmed_after=timedelta(seconds=settings.unconfirmed_after_seconds),
    )


def check_patience(patience: Patience, mode: Mode) -> None:
    """Raise SettingsError when a living call could be taken for a dead one."""
    if mode is Mode.LIVE and patience.grace < SHORTEST_GRACE:
        shortest = int(SHORTEST_GRACE.total_seconds())
        sentence = N_(
            "reconcile_grace_seconds must be at least %(shortest)s: as long as the provider keeps an idle "
            "connection, a frozen sending engine may still write into it."
        )
        raise SettingsError(sentence, shortest=shortest)
    if patience.reap_after < SHORTEST_REAP:
        shortest = int(SHORTEST_REAP.total_seconds())
        sentence = N_("reap_after_seconds must be at least %(shortest)s: a call may last that long.")
        raise SettingsError(sentence, shortest=shortest)
