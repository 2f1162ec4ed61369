"""The planning step speaks the reader's language here: gates, recurrence, policies, country rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from babel.dates import get_day_names
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from campaigns.audience.models import Channel
from campaigns.gateways.twilio.error_codes import words_for
from campaigns.planning.country_rules import CountryWarning
from campaigns.planning.gates.collisions import Collision
from campaigns.planning.models import FallbackPolicy, TemplateCategory, ZonePolicy
from campaigns.planning.schedules.recurrence import ClockChange, ScheduleNote
from campaigns.planning.senders.prices import Basis, spread_of
from campaigns.planning.senders.trial import NO_ANSWER, TrialAnswer
from campaigns.web.filters import country_name, day, dollars, listed, number, region_name, wall_clock

GATES = {
    "audience": _l("Audience"),
    "translations": _l("Translations"),
    "staleness": _l("Review"),
    "withdrawn": _l("Withdrawn texts"),
    "placeholders": _l("Automatic fields"),
    "length": _l("Length"),
    "stop": _l("How to opt out"),
    "signposts": _l("Helplines named"),
    "typed": _l("Typed numbers and links"),
    "link": _l("Link"),
    "place": _l("Place"),
    "sender": _l("Sender"),
    "coverage": _l("Countries covered"),
    "templates": _l("WhatsApp templates"),
    "schedule": _l("Time"),
    "country": _l("Country rules"),
    "mandate": _l("Working area"),
    "harm": _l("Do no harm"),
    "correction": _l("Correction"),
    "fatigue": _l("Message limit per person"),
    "budget": _l("Spending limit"),
    "month": _l("Monthly limit"),
}
FALLBACKS = {
    FallbackPolicy.DO_NOT_SEND: _l("Send them nothing"),
    FallbackPolicy.BASE_LANGUAGE: _l("Send the text in the source language"),
    FallbackPolicy.NAMED_LANGUAGE: _l("Send the text in another language"),
}
TEMPLATE_CATEGORIES = {
    TemplateCategory.MARKETING: _l("Information for people who may need it (WhatsApp calls this marketing)"),
    TemplateCategory.UTILITY: _l("Follow-up on something a person asked for (utility)"),
}
ZONE_POLICIES = {
    ZonePolicy.RECIPIENT: _l("When each person's own clock shows this time"),
    ZonePolicy.FIXED: _l("To everybody at one moment, in the time of one zone"),
}
#: What is said of the prices of countries that nobody quoted.
UNCERTAIN = {
    Basis.ESTIMATED: _l("Right in its order of magnitude only: %(countries)s."),
    Basis.ASSUMED: _l("No price is known, so a high one is assumed: %(countries)s."),
}
#: More times a day than these are summed up in the calendar.
MOST_HOURS = 3
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Words of the country table that a member meets often; others are shown as the table writes them.
RULES = {
    "unknown": _l("Nothing is known about this country. Ask the provider before you send."),
    "sender_registration": _l("The sender must be registered first."),
    "name_reg": _l("A sender name must be registered first."),
    "name_no": _l("A sender name is replaced by the mobile network."),
    "name_limited": _l("A sender name works only in part."),
    "number_reg": _l("A sender number must be registered first."),
    "number_no": _l("A sender number is replaced by the mobile network."),
    "number_limited": _l("A sender number works only in part."),
    "generic_sender_id": _l("Sender names that say nothing are not allowed."),
    "shortener": _l("Shortened links are not allowed."),
    "unlisted_url": _l("Only links registered with the mobile network are allowed."),
    "unregistered_url": _l("Only links registered with the mobile network are allowed."),
    "url": _l("Links are not allowed."),
    "whatsapp_link": _l("Links to WhatsApp are not allowed."),
    "phone_in_body": _l("Phone numbers in the text are not allowed."),
    "unicode": _l("Texts in other scripts may not arrive."),
    "promotion": _l("Promotion is not allowed."),
    "political": _l("Political content is not allowed."),
    "religious": _l("Religious content is not allowed."),
    "p2p": _l("Messages between private persons are not allowed on this sending route."),
    "space_in_sender_id": _l("A sender name must not have a space."),
    "unregistered_sender": _l("Senders that are not registered are blocked."),
    "opt_in": _l("People must have agreed to be written to."),
    "consent": _l("People must have agreed to be written to."),
    "pecr": _l("People must have agreed to be written to."),
    "sender_name_in_text": _l("Name your organisation in the text: the sender is replaced."),
    "opt_out_text": _l("The text must say how to opt out."),
    "local_entity": _l("Only local organisations can register."),
    "url_whitelisting": _l("Links must be registered with the mobile network."),
    "url_registration": _l("Links must be registered with the mobile network."),
    "noc_letter": _l("A letter of no objection is needed."),
}


def answer_words(answer: TrialAnswer) -> str:
    """Return what came of asking a sender's provider."""
    if answer.code:
        return str(_("It does not work: %(why)s", why=refusal_words(answer.code)))
    return str(_("Works: the account “%(account)s” answered.", account=answer.account))


def refusal_words(code: str) -> str:
    """Return why a provider did not say that it knows us: in words where there are some, by its code at least."""
    if code == NO_ANSWER:
        return str(_("the provider did not answer, or not as it should."))
    words = words_for(code)
    return f"{words} ({code})" if words else str(_("the provider refused (%(code)s).", code=code))


def sms_costs(parts: int) -> dict[str, str]:
    """Return what `parts` SMS parts cost to one person where it is cheapest (`least`) and dearest (`most`)."""
    spread = spread_of(Channel.SMS, parts)
    return {"least": dollars(spread.least), "most": dollars(spread.most)}


def uncertain_words(basis: Basis, countries: Collection[str | None]) -> str:
    """Return how far the prices of some countries (None: unknown) may be trusted."""
    named = [country_name(country) if country else str(_("unknown countries")) for country in countries]
    return str(UNCERTAIN[basis] % {"countries": listed(named)})


def rule_words(warning: CountryWarning) -> str:
    """Return a country rule in words; what the table says beyond them stands in brackets."""
    name, _colon, literal = warning.rule.partition(":")
    words = RULES.get(name)
    if words is None:
        return warning.rule.replace("_", " ")
    return f"{words} ({literal})" if literal else str(words)


def recurrence_words(recurrence: str | None) -> str:
    """Return a recurrence in words, or the rule itself when it says more than these words can."""
    if recurrence is None:
        return str(_("Once"))
    parts = dict(part.split("=", 1) for part in recurrence.split(";"))
    every = _every(parts)
    if every is None or set(parts) - {"FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL"}:
        return recurrence
    facts = [every]
    if "BYDAY" in parts:
        facts.append(listed(map(weekday_name, parts["BYDAY"].split(","))))
    if "COUNT" in parts:
        facts.append(ngettext("%(num)s time", "%(num)s times", int(parts["COUNT"])))
    if "UNTIL" in parts:
        last = datetime.strptime(parts["UNTIL"][:8], "%Y%m%d")
        facts.append(_("until %(date)s", date=day(last).striptags()))
    return " · ".join(facts)


def weekday_name(code: str) -> str:
    """Return the name of a weekday ("MO") in the reader's language; other codes as they are."""
    if code not in WEEKDAYS:
        return code
    return str(get_day_names("wide", context="stand-alone", locale=get_locale() or "en")[WEEKDAYS.index(code)])


def weekday_of(day: date) -> str:
    """Return the short name of a day's weekday in the reader's language."""
    return str(get_day_names("abbreviated", context="stand-alone", locale=get_locale() or "en")[day.weekday()])


def hours_words(times: Sequence[time]) -> str:
    """Return times of a day; of many, the first, the last and their number."""
    written = [f"{each:%H:%M}" for each in times]
    if len(written) <= MOST_HOURS:
        return listed(written)
    values = {"first": written[0], "last": written[-1], "count": number(len(written))}
    return str(_("%(first)s to %(last)s, %(count)s times", **values))


def collision_words(collision: Collision) -> str:
    """Return what meets a campaign, without a word of what another organisation says."""
    if collision.regions:
        names = listed(map(region_name, collision.regions))
        return str(
            _(
                "Another organisation gives people another number for help in these days, in %(names)s.",
                names=names,
            )
        )
    if collision.campaign is None:
        return str(
            _("Another organisation writes about the same theme in the same places within three days of it.")
        )
    return str(
        _(
            "“%(name)s” is about the same theme, in the same places, within three days of it.",
            name=collision.campaign.name,
        )
    )


def note_words(note: ScheduleNote) -> str:
    """Return what a change of the clocks does to an occurrence."""
    values: Mapping[str, Any] = {"time": wall_clock(note.occurrence), "zone": note.time_zone}
    if note.change == ClockChange.GAP:
        return str(
            _("%(time)s does not exist in %(zone)s: the clocks are put forward. It is sent right after.", **values)
        )
    return str(
        _("%(time)s comes twice in %(zone)s: the clocks are put back. It is sent the first time.", **values)
    )


def _every(parts: Mapping[str, str]) -> str | None:
    interval = int(parts.get("INTERVAL", "1"))
    match parts.get("FREQ"):
        case "HOURLY":
            return str(ngettext("Every hour", "Every %(num)s hours", interval))
        case "DAILY":
            return str(ngettext("Every day", "Every %(num)s days", interval))
        case "WEEKLY":
            return str(ngettext("Every week", "Every %(num)s weeks", interval))
        case "MONTHLY":
            return str(ngettext("Every month", "Every %(num)s months", interval))
        case _:
            return None
