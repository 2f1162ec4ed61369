"""All gates of one campaign in one place: pages, submission, approval and the clock ask the same questions."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.queries import SMALLEST_SHOWN, rounded
from campaigns.core.errors import AudienceRuleError, PlaceholderError
from campaigns.core.words import N_
from campaigns.messages.gates import (
    Gate,
    length_gate,
    placeholders_gate,
    signposts_gate,
    staleness_gate,
    translations_gate,
)
from campaigns.messages.placeholders import required_names
from campaigns.messages.queries import load_service_facts, load_translation_facts
from campaigns.places.models import Place, Region
from campaigns.planning.country_rules import CountryWarning, warnings_for
from campaigns.planning.digest import Content
from campaigns.planning.models import Campaign, Schedule
from campaigns.planning.queries import default_zone_of, load_content, timing_of
from campaigns.planning.recurrence import next_firings
from campaigns.planning.tally import Tally, count_audience, resolution_of
from campaigns.planning.texts import (
    RenderedText,
    Whereabouts,
    lacks_signpost,
    longest_by_language,
    render_combinations,
)
from campaigns.staff.queries import owned

#: A service verified longer ago is not sent in a running campaign, in days; the settings may say otherwise.
SERVICE_MAX_AGE_DAYS = 30
#: People who may be left out beyond those the author agreed to, in people and in percent; the larger counts.
LEFT_OUT_SLACK = 20
LEFT_OUT_SLACK_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a campaign would send now, to whom, and what stands in the way."""

    content: Content
    tally: Tally
    #: One text for each region and language among those who will be written to.
    rendered: list[RenderedText]
    gates: list[Gate]
    #: What is known about writing to the countries of the audience's numbers; empty when a run starts.
    warnings: list[CountryWarning]

    @property
    def red(self) -> list[Gate]:
        """The gates that block."""
        return [gate for gate in self.gates if not gate.passed]

    @property
    def sentences(self) -> str:
        """What is wrong, a sentence for each red gate."""
        return " ".join(gate.sentence for gate in self.red)


def assess(
    session: Session, campaign: Campaign, *, now: datetime, max_age_days: int = SERVICE_MAX_AGE_DAYS
) -> Assessment:
    """Read the campaign anew and check every gate at the moment `now` (aware UTC)."""
    zone = default_zone_of(session, campaign)
    found = _assess_content(session, campaign, zone, now=now, max_age_days=max_age_days)
    warnings = warnings_for(
        found.tally.by_number_country(),
        identity=found.content.sender["identity"],
        texts=found.content.texts,
        link=found.content.link,
    )
    plan_gates = [_schedule_gate(campaign, found.tally.zones, now), _country_gate(campaign, warnings)]
    return replace(found, gates=[*found.gates, *plan_gates], warnings=warnings)


def assess_start(
    session: Session,
    campaign: Campaign,
    schedule: Schedule,
    *,
    now: datetime,
    max_age_days: int = SERVICE_MAX_AGE_DAYS,
) -> Assessment:
    """Read the campaign anew and check the gates that a run of `schedule` has to pass when it starts."""
    return _assess_content(session, campaign, schedule.time_zone, now=now, max_age_days=max_age_days)


def _assess_content(
    session: Session, campaign: Campaign, default_zone: str, *, now: datetime, max_age_days: int
) -> Assessment:
    """Read, count, render, and check the gates on what is sent to whom."""
    content = load_content(session, campaign)
    resolution = resolution_of(content, default_zone=default_zone, now=now)
    try:
        tally, unreadable = count_audience(session, content, campaign.organisation_id, resolution=resolution), ""
    except AudienceRuleError as error:
        tally, unreadable = Tally(()), str(error)
    combinations = tally.combinations()
    rendered = render_combinations(
        content,
        combinations,
        regions=_whereabouts(session, [each.region_id for each in combinations]),
        services=load_service_facts(session, campaign.organisation_id),
        place=_longest_place_name(session, campaign.organisation_id),
        at=now,
        max_age_days=max_age_days,
    )
    gates = [
        _audience_gate(campaign, tally, unreadable),
        *_text_gates(campaign, content, tally, rendered),
        _link_gate(campaign, content),
        _place_gate(campaign, content),
        _sender_gate(campaign),
    ]
    return Assessment(content, tally, rendered, [_discreet(gate) for gate in gates], [])


def _text_gates(campaign: Campaign, content: Content, tally: Tally, rendered: list[RenderedText]) -> list[Gate]:
    message_id, used = content.message_id, tally.by_language()
    facts = [
        fact
        for fact in load_translation_facts(campaign.message)
        if fact.language in {content.base_language, *used, *tally.without_text()}
    ]
    bodies = {language: each.body for language, each in longest_by_language(rendered).items() if each.body}
    missing: dict[str, int] = {}
    for each in rendered:
        if lacks_signpost(each, content.texts.get(each.language, "")):
            missing[each.country or "?"] = missing.get(each.country or "?", 0) + each.people
    return [
        translations_gate(
            message_id,
            people=used | tally.without_text(),
            available=content.texts,
            fallback_language=content.fallback_language,
            confirmed=_agreed(campaign.accepted_left_out),
        ),
        staleness_gate(message_id, facts),
        placeholders_gate(message_id, content.texts, base_language=content.base_language),
        length_gate(message_id, bodies, max_parts=content.max_parts),
        signposts_gate(message_id, missing),
    ]


def _audience_gate(campaign: Campaign, tally: Tally, unreadable: str) -> Gate:
    link = ("audience.show", {"audience_id": campaign.audience_id})
    if unreadable:
        return _gate("audience", False, "%(error)s", {"error": unreadable}, link)
    template = (
        N_("%(people)s people will be written to.")
        if tally.people
        else N_("Nobody in this audience can be written to: choose a wider one, or ask people for their consent.")
    )
    return _gate("audience", bool(tally.people), template, {"people": tally.people}, link)


def _sender_gate(campaign: Campaign) -> Gate:
    sender = campaign.sender
    template = (
        N_("%(sender)s is ready to send.")
        if sender.active
        else N_("The sender %(sender)s is switched off: choose another one.")
    )
    link = ("planning.edit", {"campaign_id": campaign.id})
    return _gate("sender", sender.active, template, {"sender": sender.name}, link)


def _link_gate(campaign: Campaign, content: Content) -> Gate:
    wanting = not content.link and _is_asked_for("link", content)
    template = (
        N_("The text asks for a link and the campaign has none: add the address of the page.")
        if wanting
        else N_("Every link in the texts has its address.")
    )
    return _gate("link", not wanting, template, {}, ("planning.edit", {"campaign_id": campaign.id}))


def _place_gate(campaign: Campaign, content: Content) -> Gate:
    """Only an audience that names places or routes knows at which of them each person is."""
    named = content.rule.get("place_ids") or content.rule.get("route_parts")
    wanting = not named and _is_asked_for("place", content)
    template = (
        N_("The text names a place and the audience has none: choose places, or write a fallback.")
        if wanting
        else N_("Every place in the texts has its name.")
    )
    return _gate("place", not wanting, template, {}, ("audience.show", {"audience_id": campaign.audience_id}))


def _schedule_gate(campaign: Campaign, zones: Collection[str], now: datetime) -> Gate:
    coming = [
        firing
        for schedule in campaign.schedules
        for firing in next_firings(timing_of(schedule), sorted(zones), after=now, count=1)
    ]
    if coming:
        template = N_("It is sent next on %(time)s, local time.")
    elif campaign.schedules:
        template = N_("Its time has passed: choose a later one.")
    else:
        template = N_("No time is set: say when it is to be sent.")
    first = min(coming, key=lambda firing: firing.fire_at, default=None)
    values = {"time": f"{first.occurrence:%Y-%m-%d %H:%M}"} if first else {}
    return _gate(
        "schedule", bool(coming), template, values, ("planning.times.create", {"campaign_id": campaign.id})
    )


def _country_gate(campaign: Campaign, warnings: list[CountryWarning]) -> Gate:
    """Never block on one table whose sources disagree; say how much there is to read."""
    broken = sorted({warning.country for warning in warnings if warning.broken})
    if broken:
        template = N_("A rule seems to be broken in %(countries)s: read the country rules below.")
    elif warnings:
        template = N_("Read the country rules below before you go on: %(countries)s.")
    else:
        template = N_("No rule is known for the countries of these numbers.")
    countries = ", ".join(broken or sorted({warning.country for warning in warnings}))
    link = ("planning.show", {"campaign_id": campaign.id, "_anchor": "countries"})
    return _gate("country", True, template, {"countries": countries}, link)


def _gate(
    name: str, passed: bool, template: str, values: dict[str, Any], link: tuple[str, dict[str, Any]]
) -> Gate:
    return Gate(name, passed, template % values, link[0], link[1], template, values)


def _discreet(gate: Gate) -> Gate:
    """Round the people a gate speaks of: whoever writes a rule must not learn exact small numbers from it."""
    if "people" not in gate.values:
        return gate
    exact, shown = str(gate.values["people"]), discreet(gate.values["people"])
    return replace(gate, sentence=gate.sentence.replace(exact, shown, 1), values=gate.values | {"people": shown})


def discreet(people: int) -> str:
    """Return a number of people as authors may see it: rounded to 10, hidden below 20."""
    shown = rounded(people)
    return f"fewer than {SMALLEST_SHOWN}" if shown is None else str(shown)


def _agreed(accepted: int | None) -> int | None:
    if accepted is None:
        return None
    return accepted + max(LEFT_OUT_SLACK, accepted * LEFT_OUT_SLACK_PERCENT // 100)


def _is_asked_for(name: str, content: Content) -> bool:
    """Say whether a text needs the placeholder's value; faulty texts are named by their own gate."""
    needed: set[str] = set()
    for text in content.texts.values():
        with suppress(PlaceholderError):
            needed |= required_names(text)
    return name in needed


def _whereabouts(session: Session, region_ids: Collection[int]) -> dict[int, Whereabouts]:
    rows = session.execute(select(Region.id, Region.code, Region.country).where(Region.id.in_(set(region_ids))))
    return {region_id: Whereabouts(code, country) for region_id, code, country in rows}


def _longest_place_name(session: Session, organisation_id: int) -> str:
    """Return the name that makes a text longest, because parts are promised for everybody."""
    names = owned(select(Place.name), Place, organisation_id).order_by(func.length(Place.name).desc()).limit(1)
    return session.scalar(names) or ""
