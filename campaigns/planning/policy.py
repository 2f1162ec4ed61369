"""One value says what whoever runs the instance lets campaigns do; it is built from the settings and handed on."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.core.settings import Settings
from campaigns.directory.signposting.freshness import SERVICE_MAX_AGE_DAYS
from campaigns.planning.campaign_content import NO_CAP, Cap


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits that hold for every campaign of the instance; without settings those that they have at first."""

    #: A service that was verified longer ago is not named, in days.
    service_max_age_days: int = SERVICE_MAX_AGE_DAYS
    #: An approval holds so long until the campaign is sent first, in days.
    approval_valid_days: int = 14
    cap: Cap = NO_CAP
    #: Whether messages wait for the end of quiet hours.
    keeps_quiet: bool = True
    #: Hours of the day in which somebody answers, of organisations without a duty roster.
    duty_from: int = 8
    duty_until: int = 20
    #: What addresses of our own pages begin with, which texts name to those who cannot answer; '': there are none.
    pages: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Return what the settings say."""
        return cls(
            settings.service_max_age_days,
            settings.approval_valid_days,
            Cap(settings.cap_messages, settings.cap_days),
            settings.keeps_quiet,
            settings.duty_from,
            settings.duty_until,
            settings.people_address,
        )


USUAL = Policy()
