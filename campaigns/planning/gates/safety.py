"""These gates keep people from harm: checklist, correction, mandate, rules of countries, fatigue.

Pure; what they say is put in plain words with a link to the page where it is mended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from campaigns.core.lists import first_of
from campaigns.core.sentences import Count, CountryName, People
from campaigns.core.words import N_
from campaigns.messages.gates import Gate
from campaigns.planning.correcting import CORRECTION_WITHDRAWN
from campaigns.planning.country_rules import CountryWarning
from campaigns.planning.do_no_harm.models import CountryConfirmation
from campaigns.planning.do_no_harm.queries import Correction, HarmAnswers, Uncovered
from campaigns.planning.gates.campaign import Link, plan_gate
from campaigns.planning.gates.mandate import Outside
from campaigns.planning.models import Campaign

#: Gates that nobody who wrote it can open: a campaign is submitted while they are closed, and not approved.
FOR_APPROVERS = frozenset({"harm"})
#: Most places a sentence names one by one.
NAMED_PLACES = 6


def harm_gate(campaign: Campaign, answers: HarmAnswers | None) -> Gate:
    """Block until somebody who wrote none of it answered the whole checklist with yes, for what is said now."""
    refused = answers.refused if answers else []
    if answers is None:
        template = N_("Nobody has answered the do-no-harm checklist: a member who wrote none of it has to.")
    elif not answers.is_current:
        template = N_("What is said or to whom has changed since the do-no-harm checklist was answered.")
    elif answers.is_editors:
        template = N_("The do-no-harm checklist was answered by a member who wrote part of it: ask another one.")
    elif refused:
        template = N_("Points of the do-no-harm checklist that are not true, or not sure: %(count)s.")
    else:
        template = N_("A member who wrote none of it has answered the do-no-harm checklist.")
    passed = answers is not None and answers.is_current and not answers.is_editors and not refused
    values = {"count": Count(len(refused))} if refused and not passed else {}
    return plan_gate("harm", passed, template, values, _to("planning.safeguards.harm", campaign))


def correction_gate(
    campaign: Campaign,
    correction: Correction | None,
    uncovered: Uncovered | None = None,
    *,
    unapproved: Sequence[str] = (),
) -> Gate:
    """Block until a correction is prepared in every language that is sent, and say which one that is.

    `uncovered` is the organisation's own correction, where that is not reviewed in all of them, `unapproved` are
    languages in which WhatsApp has not approved it.
    """
    link = _to("planning.safeguards.correction", campaign)
    if correction is None and uncovered:
        template = N_("No correction is prepared, and that of the organisation is not reviewed in %(languages)s.")
        way: Link = ("messages.show", {"message_id": uncovered.message.id}) if uncovered.waiting else link
        gate = plan_gate("correction", False, template, {}, way, languages=uncovered.languages)
        return replace(gate, waiting=uncovered.waiting)
    if correction is None:
        template = N_("No correction is prepared: whoever got a wrong number has to be told at once.")
        return plan_gate("correction", False, template, {}, link)
    if correction.message.id == campaign.message_id:
        template = N_("A message cannot correct itself: choose another one.")
        return plan_gate("correction", False, template, {}, link)
    if correction.missing and correction.waiting == correction.missing:
        template = N_("The correction waits for its review in %(languages)s.")
        written: Link = ("messages.show", {"message_id": correction.message.id})
        gate = plan_gate("correction", False, template, {}, written, languages=correction.missing)
        return replace(gate, waiting=tuple(correction.waiting))
    if correction.missing:
        template = N_("The correction has no reviewed text in %(languages)s.")
        return plan_gate("correction", False, template, {}, link, languages=correction.missing)
    if correction.withdrawn:
        return plan_gate("correction", False, CORRECTION_WITHDRAWN, {}, link, languages=correction.withdrawn)
    return _prepared_gate(campaign, correction, link, unapproved)


def _prepared_gate(campaign: Campaign, correction: Correction, link: Link, unapproved: Sequence[str]) -> Gate:
    """Say which correction is prepared, and warn where WhatsApp would let it through to few."""
    values = {"title": correction.message.title}
    if unapproved:
        template = N_(
            "The correction “%(title)s” is prepared, but WhatsApp has not approved it in %(languages)s: there only"
            " who wrote within a day would get it."
        )
        asked: Link = ("planning.templates.show", {"campaign_id": campaign.id})
        return plan_gate("correction", True, template, values, asked, languages=unapproved, warns=True)
    template = (
        N_("The organisation’s correction is used: “%(title)s”. It is reviewed in every language that is sent.")
        if correction.is_common
        else N_("The correction “%(title)s” is prepared in every language that is sent.")
    )
    return plan_gate("correction", True, template, values, link)


def mandate_gate(campaign: Campaign, outside: Outside) -> Gate:
    """Block when the audience reaches places that the organisation may not write to.

    People whose region is not known are warned of. Where few people are in each region outside, none is named.
    """
    link: Link = ("audience.show", {"audience_id": campaign.audience_id})
    if outside.named:
        template = (
            N_("The organisation may not write to people in %(places)s.")
            if len(outside.named) <= NAMED_PLACES
            else N_("The organisation may not write to people in %(count)s of the places, among them %(places)s.")
        )
        values = {"places": first_of(outside.named, NAMED_PLACES), "count": Count(len(outside.named))}
        return plan_gate("mandate", False, template, values, link)
    if outside.has_few:
        template = N_(
            "Some of these people are where the organisation may not write to. Too few are in each region for it"
            " to be named: choose regions of the working area."
        )
        return plan_gate("mandate", False, template, {}, link)
    if outside.unplaced:
        template = N_(
            "The region of %(people)s people is not known: whether they are in the working area cannot be checked."
        )
        return plan_gate("mandate", True, template, {"people": People.of(outside.unplaced)}, link, warns=True)
    return plan_gate("mandate", True, N_("Everybody is where the organisation may write to people."), {}, link)


def country_gate(
    campaign: Campaign,
    warnings: Collection[CountryWarning],
    confirmations: Sequence[CountryConfirmation],
    *,
    told: Collection[str],
) -> Gate:
    """Block while a rule that seems to be broken is not confirmed by name, by one of `confirmations`.

    Sources disagree, so nothing more is asked than that a member has read it. Only countries with enough people
    (`told`) are named, unless something has to be confirmed for one.
    """
    broken = broken_rules(warnings)
    open_countries = unconfirmed(broken, confirmations)
    named = sorted({warning.country for warning in warnings} & set(told))
    if open_countries:
        template = N_("A rule seems to be broken in %(countries)s: read it, and confirm it by your name.")
    elif broken:
        template = N_("Rules that seem to be broken are confirmed by name: %(countries)s.")
    elif named:
        template = N_("No country rule seems to be broken. Rules are known of: %(countries)s.")
    elif warnings or not told:
        template = N_("No country rule seems to be broken. Of few people, or nobody, no country is named here.")
    else:
        template = N_("No rule is known for the countries of these numbers.")
    countries = tuple(map(CountryName, open_countries or sorted(broken) or named))
    link = _to("planning.gates.show", campaign, anchor="countries")
    passed = not open_countries
    return plan_gate("country", passed, template, {"countries": countries}, link, warns=passed and bool(broken))


def broken_rules(warnings: Collection[CountryWarning]) -> dict[str, list[str]]:
    """Return the rules that seem to be broken by country, both sorted."""
    broken: dict[str, set[str]] = {}
    for warning in warnings:
        if warning.broken:
            broken.setdefault(warning.country, set()).add(warning.rule)
    return {country: sorted(broken[country]) for country in sorted(broken)}


def unconfirmed(broken: Mapping[str, Sequence[str]], confirmations: Sequence[CountryConfirmation]) -> list[str]:
    """Return the countries with a broken rule that no member has confirmed."""
    confirmed: dict[str, set[str]] = {}
    for each in confirmations:
        confirmed.setdefault(each.country, set()).update(each.rules)
    return [country for country, rules in broken.items() if not set(rules) <= confirmed.get(country, set())]


def fatigue_gate(campaign: Campaign, capped: int | None, total: int, *, may_pass: bool = False) -> Gate:
    """Warn of people who had enough messages lately: they are left out, and counted.

    `capped` is None where nobody is capped. Blocks when nobody else is left, unless it `may_pass` the limit.
    """
    link = ("planning.show", {"campaign_id": campaign.id, "tab": "people", "_anchor": "people-title"})
    if not capped:
        return plan_gate("fatigue", True, N_("Nobody has had too many messages lately."), {}, link)
    if may_pass:
        template = N_(
            "%(people)s people have reached the message limit per person:"
            " they get it only if it is approved as urgent."
        )
        return plan_gate("fatigue", True, template, {"people": People.of(capped)}, link, warns=True)
    if capped >= total:
        template = N_("Everybody has had as many messages lately as this system allows: send it later.")
        return plan_gate("fatigue", False, template, {}, link)
    template = N_("%(people)s people are left out: they have reached the message limit per person.")
    return plan_gate("fatigue", True, template, {"people": People.of(capped)}, link, warns=True)


def _to(endpoint: str, campaign: Campaign, anchor: str = "") -> Link:
    values: dict[str, Any] = {"campaign_id": campaign.id}
    return endpoint, values | ({"_anchor": anchor} if anchor else {})
