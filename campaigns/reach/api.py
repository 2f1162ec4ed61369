"""Partners' programs report reach of adverts, leaflets and radio, and how many people came with a code."""

from __future__ import annotations

import hashlib
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Self

from flask import Blueprint, Response
from pydantic import BaseModel, Field, model_validator

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.places.geography.atlas import load_atlas
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported.models import Method, Source
from campaigns.reach.imported.reading import USUAL, Reported
from campaigns.reach.imported.service import import_reach
from campaigns.reach.outcomes.models import Way
from campaigns.reach.outcomes.service import MOST_PEOPLE, record_assisted
from campaigns.staff.api_access import asking, requires_token
from campaigns.staff.tokens import ApiScope
from campaigns.web.api.json_answers import as_json
from campaigns.web.api.openapi import ROOT, Strict, answers, spec
from campaigns.web.session import session

api = Blueprint("api_reach", __name__, url_prefix=ROOT)

#: More people than live on Earth is no reach.
MOST_REACHED = 10_000_000_000
#: Text of one line; controls and lone surrogates are in no name.
LINE = r"^[^\x00-\x1f\x7f]*$"


class ReportedStep(StrEnum):
    """How far people came, by the word of whoever helped them."""

    SIGNPOSTED = Step.SIGNPOSTED
    ASSISTED = Step.ASSISTED


class AssistedReport(Strict):
    """So many people came to a service on one day, quoting a campaign's code. No name, no single person."""

    code: str = Field(
        min_length=1, max_length=10, pattern=LINE, description="The campaign's code, for example K7."
    )
    people: int = Field(ge=1, le=MOST_PEOPLE)
    day: date
    partner: str = Field(min_length=1, max_length=200, pattern=LINE, description="Who tells it.")
    step: ReportedStep = ReportedStep.ASSISTED
    region: str = Field("", max_length=10, pattern=LINE, description="ISO 3166-2, where they came from last.")
    recurrent: bool = Field(False, description="The same people may have been told before.")


class Recorded(BaseModel):
    """What was written down."""

    id: int
    people: int


@cache
def _countries() -> frozenset[str]:
    return frozenset(region.country for region in load_atlas().facts)


class ReachRow(Strict):
    """One number of people, with its place and time."""

    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    region: str | None = Field(None, max_length=10, pattern=LINE, description="ISO 3166-2")
    starts_on: date
    ends_on: date
    people: int = Field(ge=0, le=MOST_REACHED)
    method: Method | None = Field(None, description="How it was counted; the usual way of the source when absent.")
    channel: str = Field("", max_length=30, pattern=LINE)
    language: str = Field("", max_length=10, pattern=LINE)
    campaign: str = Field("", max_length=10, pattern=LINE, description="The campaign's code.")
    targeted: int | None = Field(None, ge=0, le=MOST_REACHED)
    impressions: int | None = Field(None, ge=0, le=MOST_REACHED)
    link_clicks: int | None = Field(None, ge=0, le=MOST_REACHED)
    recurrent: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.ends_on < self.starts_on:
            raise ValueError("ends_on lies before starts_on")
        if self.country not in _countries():
            raise ValueError("the country is none that we know")
        if self.region and self.region[:2] != self.country:
            raise ValueError("the region lies in another country")
        return self


class ReachReport(Strict):
    """Numbers of one source; they stand beside own messages and are never added to them."""

    source: Source
    exported_on: date
    name: str = Field("api", min_length=1, max_length=200, pattern=LINE, description="What you call this report.")
    rows: list[ReachRow] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _lies_before(self) -> Self:
        if any(row.starts_on > self.exported_on for row in self.rows):
            raise ValueError("a period begins after the report was exported")
        return self


class Imported(BaseModel):
    """What was taken in."""

    id: int
    rows: int


@api.post("/assisted")
@requires_token(ApiScope.WRITE_ASSISTED)
@spec.validate(resp=answers(Recorded, created=True), tags=["reach"], operation_id="reportAssisted")
def report_assisted(json: AssistedReport) -> Response:
    """Report how many people came quoting a campaign's code."""
    outcome = record_assisted(
        session(),
        asking().organisation_id,
        code=json.code,
        people=json.people,
        day=json.day,
        partner=json.partner,
        step=Step(json.step),
        region_code=json.region or None,
        recurrent=json.recurrent,
        way=Way.API,
    )
    return as_json(Recorded(id=outcome.id, people=outcome.people), 201)


@api.post("/reach-reports")
@requires_token(ApiScope.WRITE_REACH)
@spec.validate(resp=answers(Imported, created=True), tags=["reach"], operation_id="reportReach")
def report_reach(json: ReachReport) -> Response:
    """Report reach of adverts, leaflets or radio: all rows, or none. The same report twice is refused."""
    if json.exported_on > clock.now().date():
        raise InputError(N_("%(day)s lies in the future."), day=json.exported_on.isoformat())
    digest = hashlib.sha256(json.model_dump_json().encode()).hexdigest()
    rows = [_reported(json.source, line, row) for line, row in enumerate(json.rows, start=1)]
    file = import_reach(
        session(),
        asking().organisation_id,
        rows,
        source=json.source,
        exported_on=json.exported_on,
        digest=digest,
        name=json.name,
    )
    return as_json(Imported(id=file.id, rows=len(rows)), 201)


def _reported(source: Source, line: int, row: ReachRow) -> Reported:
    method, step = USUAL[source]
    return Reported(
        line=line,
        label=row.region or row.country,
        region_code=row.region,
        country=row.country,
        by_name=False,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        people=row.people,
        method=row.method or method,
        step=step,
        channel=row.channel,
        language=row.language,
        campaign_code=row.campaign,
        targeted=row.targeted,
        impressions=row.impressions,
        link_clicks=row.link_clicks,
        recurrent=row.recurrent,
    )
