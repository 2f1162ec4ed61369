"""A verification of a service holds for some days; from then on no text may name it until it is renewed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from campaigns.directory.models import SOURCED

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


class Dated(Protocol):
    """What is known of a service that says whether it may be used."""

    @property
    def source_status(self) -> str: ...
    @property
    def expires_on(self) -> date | None: ...
    @property
    def verified_on(self) -> date | None: ...
    @property
    def time_zone(self) -> str: ...


def trust_of(service: Dated, at: datetime, fresh_days: int) -> Trust:
    """Return whether a service may be used at `at`, when a verification holds for `fresh_days`."""
    today = at.astimezone(ZoneInfo(service.time_zone)).date()
    if service.source_status != SOURCED:
        return Trust.UNSOURCED
    if service.expires_on is not None and service.expires_on < today:
        return Trust.ENDED
    if service.verified_on is None or not 0 <= (today - service.verified_on).days <= fresh_days:
        return Trust.DUE
    return Trust.VERIFIED
