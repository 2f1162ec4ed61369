"""A verification of a service holds for some days; from then on no text may name it until it is renewed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from campaigns.directory.models import SOURCED
from campaigns.directory.signposting.service_facts import ServiceFacts

#: A service verified longer ago is not sent in a running campaign, in days; the settings may say otherwise.
SERVICE_MAX_AGE_DAYS = 30


class Trust(StrEnum):
    """Whether a service may be used; only `verified` ones are."""

    VERIFIED = "verified"
    #: Never verified, or too long ago.
    DUE = "due"
    #: No source states its number: it must not even be verified.
    UNSOURCED = "unsourced"
    #: Past its last day.
    ENDED = "ended"


def trust_of(service: ServiceFacts, at: datetime, fresh_days: int) -> Trust:
    """Return whether a service may be used at `at`, when a verification holds for `fresh_days`."""
    today = at.astimezone(ZoneInfo(service.time_zone)).date()
    if service.source_status != SOURCED:
        return Trust.UNSOURCED
    if service.expires_on is not None and service.expires_on < today:
        return Trust.ENDED
    if service.verified_on is None or not 0 <= (today - service.verified_on).days <= fresh_days:
        return Trust.DUE
    return Trust.VERIFIED
