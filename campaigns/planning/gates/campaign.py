"""These gates are on the plan around texts: audience, senders, templates, link, place, time, money.

Pure; what they say is put in plain words with a link to the page where it is mended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.core.errors import PlaceholderError
from campaigns.core.sentences import Dollars, LocalTime, People, Sentence
from campaigns.core.small_numbers import is_told
from campaigns.core.words import N_, Template
from campaigns.messages.gates import Gate, about
from campaigns.messages.text.placeholders import required_names
from campaigns.planning.campaign_content import Content
from campaigns.planning.estimates.audience_counts import Tally
from campaigns.planning.estimates.cost import Estimate
from campaigns.planning.models import Campaign, Health, Sender
from campaigns.planning.queries import firings_of
from campaigns.planning.spending.queries import MonthMoney

Link = tuple[str, dict[str, Any]]


def audience_gate(
    campaign: Campaign, tally: Tally, unreadable: Sentence | None, waiting: Collection[str] = ()
) -> Gate:
    """Block when the rule cannot be read (`unreadable` says why); warn of an audience that may be nobody.

    Whether few people are meant or nobody is not told: else whoever writes rules would find out where single
    people are. Whoever waits for the review of a text, in a language of `waiting`, is not for want of a wider
    audience.
    """
    link = ("audience.show", {"audience_id": campaign.audience_id})
    if unreadable:
        return plan_gate("audience", False, unreadable.template, unreadable.values, link)
    unread = sum(people for language, people in tally.without_text().items() if language in waiting)
    if not is_told(tally.people) and is_told(unread):
        template = N_("%(people)s people can be written to as soon as their texts are reviewed.")
        return plan_gate("audience", True, template, {"people": People.of(unread)}, link)
    told = is_told(tally.people)
    template = (
        N_("%(people)s people will be written to.")
        if told
        else N_(
            "Few people will be written to, %(people)s, or nobody: choose a wider audience, or ask people for"
            " their consent."
        )
    )
    return plan_gate("audience", True, template, {"people": People.of(tally.people)}, link, warns=not told)


def sender_gate(campaign: Campaign, senders: Sequence[Sender], unconnected: Collection[int] = ()) -> Gate:
    """Block when no sender of the order can be used now; warn of those that cannot.

    `unconnected` are the ids of those that this instance has no credential of.
    """
    lacking = [sender.name for sender in senders if sender.active and sender.id in unconnected]
    off = [sender.name for sender in senders if not sender.active]
    paused = [
        sender.name
        for sender in senders
        if sender.active and sender.health == Health.PAUSED and sender.id not in unconnected
    ]
    blocks = len(off) + len(paused) + len(lacking) == len(senders)
    link: Link = ("planning.edit", {"campaign_id": campaign.id})
    if lacking:
        template = (
            N_("No provider key: %(sender)s. Nothing can be sent over it until an administrator enters one.")
            if blocks
            else N_("No provider key: %(sender)s. What goes over it waits until an administrator enters one.")
        )
        entered: Link = ("planning.senders.index", {})
        return plan_gate("sender", not blocks, template, {"sender": tuple(lacking)}, entered, warns=not blocks)
    if paused:
        template = (
            N_("Paused by its provider: %(sender)s. An administrator has to settle it and use it again.")
            if blocks
            else N_("Paused by its provider: %(sender)s. What goes over it waits until it is used again.")
        )
        mended: Link = ("planning.senders.index", {})
        return plan_gate("sender", not blocks, template, {"sender": tuple(paused)}, mended, warns=not blocks)
    if off:
        template = (
            N_("The sender %(sender)s is switched off: choose another one.")
            if blocks
            else N_("The sender %(sender)s is switched off: the next one takes its place.")
        )
        return plan_gate("sender", not blocks, template, {"sender": tuple(off)}, link, warns=not blocks)
    names = tuple(sender.name for sender in senders)
    return plan_gate("sender", True, N_("%(sender)s is ready to send."), {"sender": names}, link)


def coverage_gate(campaign: Campaign, tally: Tally) -> Gate:
    """Warn of people whose number no sender covers: they are left out."""
    people = tally.by_reason().get(LeftOut.NO_SENDER, 0)
    template = (
        N_("%(people)s people are left out: no sender covers the country of their number.")
        if people
        else N_("The senders cover the country of every number.")
    )
    link = ("planning.edit", {"campaign_id": campaign.id})
    return plan_gate(
        "coverage", True, template, {"people": People.of(people)} if people else {}, link, warns=bool(people)
    )


def templates_gate(campaign: Campaign, content: Content, tally: Tally, approved: Collection[str]) -> list[Gate]:
    """Block when WhatsApp is the only way and lets nothing through; warn of languages it has not approved.

    Nothing is said without a WhatsApp sender. `approved` are the languages with an approved template.
    """
    channels = {sender["channel"] for sender in content.senders}
    if Channel.WHATSAPP not in channels:
        return []
    waiting = tally.without_template()
    languages = sorted({*content.texts} & {*waiting, *tally.by_language()} - {*approved})
    people, blocks = sum(waiting.values()), False
    if people and not tally.people:
        template, blocks = N_("WhatsApp lets nothing through yet: ask for its templates in %(languages)s."), True
    elif people:
        template = N_("%(people)s people are left out: WhatsApp has not approved the text in %(languages)s.")
    elif languages and len(channels) > 1:
        template = N_("Not approved by WhatsApp yet: %(languages)s. These readers get it over another sender.")
    elif languages:
        template = N_("Not approved by WhatsApp yet: %(languages)s. Only who wrote within a day gets it.")
    else:
        template = N_("WhatsApp has approved the text in every language that is read.")
    values = {"people": People.of(people)} if people and not blocks else {}
    link = ("planning.templates.show", {"campaign_id": campaign.id})
    warns = bool(languages) and not blocks
    return [plan_gate("templates", not blocks, template, values, link, languages=languages, warns=warns)]


def link_gate(campaign: Campaign, content: Content) -> Gate:
    """Block while a text asks for a link and the campaign has none."""
    wanting = not content.link and _is_asked_for("link", content)
    template = (
        N_("The text asks for a link and the campaign has none: add the address of the page.")
        if wanting
        else N_("Every link in the texts has its address.")
    )
    return plan_gate("link", not wanting, template, {}, ("planning.edit", {"campaign_id": campaign.id}))


def place_gate(campaign: Campaign, content: Content) -> Gate:
    """Block while a text names a place and the audience has none: only places and routes know where people are."""
    named = content.rule.get("place_ids") or content.rule.get("route_parts")
    wanting = not named and _is_asked_for("place", content)
    template = (
        N_("The text names a place and the audience has none: choose places, or write a text to use instead.")
        if wanting
        else N_("Every place in the texts has its name.")
    )
    return plan_gate("place", not wanting, template, {}, ("audience.show", {"audience_id": campaign.audience_id}))


def schedule_gate(campaign: Campaign, zones: Collection[str], now: datetime, *, is_sent: bool = False) -> Gate:
    """Block without a time to come, unless all of it was sent already."""
    coming = [
        firing
        for schedule in campaign.schedules
        for firing in firings_of(schedule, sorted(zones), after=now, count=1)
    ]
    awaits = any(schedule.awaits_approval for schedule in campaign.schedules)
    if awaits:
        template = N_("It starts as soon as it is approved.")
    elif coming:
        template = N_("It is sent next on %(time)s, local time.")
    elif is_sent:
        template = N_("All its times have passed, and it was sent.")
    elif campaign.schedules:
        template = N_("Its time has passed: choose a later one.")
    else:
        template = N_("No time is set: say when it is to be sent.")
    first = min(coming, key=lambda firing: firing.fire_at, default=None)
    values = {"time": LocalTime.of(first.occurrence)} if first and not awaits else {}
    link = ("planning.times.create", {"campaign_id": campaign.id})
    return plan_gate("schedule", bool(coming) or is_sent, template, values, link)


def budget_gate(campaign: Campaign, estimate: Estimate) -> Gate:
    """Block when a run would cost more than the campaign's limit, as far as prices are known."""
    link = ("planning.edit", {"campaign_id": campaign.id})
    values = {"cost": Dollars(estimate.cents)}
    if campaign.budget_cents is None:
        template = N_("Sending it once costs about %(cost)s. No limit is set.")
        return plan_gate("budget", True, template, values, link)
    values["limit"] = Dollars(campaign.budget_cents)
    passed = estimate.cents <= campaign.budget_cents
    template = (
        N_("Sending it once costs about %(cost)s, of %(limit)s that are allowed.")
        if passed
        else N_("It may cost %(cost)s, and only %(limit)s are allowed: write to fewer people, or raise the limit.")
    )
    return plan_gate("budget", passed, template, values, link)


def month_gate(campaign: Campaign, estimate: Estimate, money: MonthMoney) -> list[Gate]:
    """Block when a run would take what its organisation spends beyond the month's limit; nothing without a limit.

    What was spent is told in whole dollars: otherwise a sum that grows would tell of single people. Answers to
    people, corrections and codes meet no gate: whoever may be in danger is answered whatever it costs.
    """
    if money.limit_cents is None:
        return []
    spent = int(money.spent * 100)
    passed = spent + estimate.cents <= money.limit_cents
    values = {"spent": Dollars(spent), "limit": Dollars(money.limit_cents), "cost": Dollars(estimate.cents)}
    template = (
        N_("This month %(spent)s of %(limit)s are spent, and sending it once costs about %(cost)s.")
        if passed
        else N_(
            "This month %(spent)s of %(limit)s are spent, and sending it costs about %(cost)s more: it waits "
            "until an administrator raises the limit, or until next month."
        )
    )
    return [plan_gate("month", passed, template, values, ("reach.spending.show", {}), warns=money.is_warned_of)]


def plan_gate(
    name: str,
    passed: bool,
    template: Template,
    values: Mapping[str, Any],
    link: Link,
    *,
    languages: Sequence[str] = (),
    warns: bool = False,
) -> Gate:
    return Gate(name, passed, about(template, values, languages), *link, warns=warns)


def _is_asked_for(name: str, content: Content) -> bool:
    """Say whether a text needs the placeholder's value; faulty texts are named by their own gate."""
    needed: set[str] = set()
    for text in content.sent_texts:
        with suppress(PlaceholderError):
            needed |= required_names(text)
    return name in needed
