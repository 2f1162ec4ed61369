"""These facts of a service are all that the choice of a helpline knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from campaigns.directory.opening_hours import WeeklyHours


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the choice needs to know of a Service; columns of the same names."""

    service_id: int
    name: str
    kind: str
    #: Alpha-2, or "EU".
    country: str
    #: ISO 3166-2 codes; empty covers the whole country.
    region_codes: tuple[str, ...]
    number_national: str | None
    number_from_abroad: str | None
    works_from_foreign_sim: str
    #: Empty means not stated.
    languages: tuple[str, ...]
    language_days: Mapping[str, Sequence[str]]
    #: Empty means not stated.
    hours: WeeklyHours
    time_zone: str
    operator_type: str
    source_status: str
    verified_on: date | None
    expires_on: date | None = None
