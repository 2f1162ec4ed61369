"""Two limits hold for every call: how old its claim may be, and how many of a delivery a provider answers."""

from __future__ import annotations

from datetime import timedelta

#: An intent older than this is not called any more: the process slept, and the row may soon be taken from it.
INTENT_LIFE = timedelta(seconds=30)
#: Calls that a delivery gets answered at most.
MOST_ATTEMPTS = 6
