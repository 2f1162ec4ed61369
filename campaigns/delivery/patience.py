"""How long each repair of delivery waits before it acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from campaigns.core.settings import Settings


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
