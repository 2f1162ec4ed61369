"""What changed since a campaign was last approved is said here in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from campaigns.audience.forms import CHANNELS
from campaigns.planning.approvals.review import Review
from campaigns.planning.campaign_content import short_digest
from campaigns.planning.labels import recurrence_words
from campaigns.web.filters import country_name, language_name, number, wall_clock

FACTS = {
    "senders": _l("Sent from"),
    "rule": _l("Audience"),
    "cover": _l("Where the places are, and what they are called"),
    "fallback_language": _l("Without a text they can read"),
    "schedules": _l("When"),
    "max_parts": _l("Maximum SMS per text"),
    "budget_cents": _l("Spending limit"),
    "link": _l("Link"),
    "leads_to": _l("Page that the link with a counter leads to"),
    "pages": _l("Address of the pages that texts name"),
    "numbers": _l("Numbers that texts may name"),
    "resend_unknown": _l("If it is unknown whether a message arrived"),
    "urgent": _l("Why it is urgent"),
}

_STRETCHES = {
    "at": _l("at waypoint %(number)s"),
    "before": _l("before waypoint %(number)s"),
    "past": _l("past waypoint %(number)s"),
}


def fact_lines(name: str, value: Any, review: Review) -> list[str]:
    """Return one side of a change as lines; nothing is one line that says so. Unknown ids stay numbers."""
    places, routes = review.places, review.routes
    match name:
        case "senders":
            lines = [f"{CHANNELS[each['channel']]} · {each['identity']}" for each in value or ()]
        case "rule":
            lines = _rule(value or {}, review)
        case "cover":
            lines = [_covered(key, digest, places, routes) for key, digest in sorted((value or {}).items())]
        case "schedules":
            lines = [_schedule(each) for each in value or ()]
        case "numbers":
            named = value or {}
            lines = [number for numbers in named.get("services", {}).values() for number in numbers]
            lines += [f"{country} {number}" for country, number in named.get("emergency", {}).items()]
        case "fallback_language":
            lines = [language_name(value)] if value else []
        case "budget_cents":
            lines = [number(value / 100)] if value else []
        case "resend_unknown":
            lines = [_("Send it again if the provider never got it") if value else _("Do not send it again")]
        case _:
            lines = [str(value)] if value else []
    return [str(line) for line in lines] or [str(_("nothing"))]


def _rule(rule: Mapping[str, Any], review: Review) -> list[str]:
    lines = [review.places.get(each, f"#{each}") for each in rule.get("place_ids", ())]
    lines += [_part(each, review.routes) for each in rule.get("route_parts", ())]
    lines += rule.get("region_codes", ())
    lines += [country_name(code) for code in rule.get("countries", ())]
    lines += [language_name(code) for code in rule.get("languages", ())]
    lines += [review.groups.get(each, f"#{each}") for each in rule.get("group_ids", ())]
    if rule.get("max_position_age_days"):
        lines.append(_("last known places of at most %(days)s days", days=number(rule["max_position_age_days"])))
    if rule.get("silent_days"):
        lines.append(_("who wrote nothing for %(days)s days", days=number(rule["silent_days"])))
    return lines or [_("everybody")]


def _covered(key: str, digest: str, places: Mapping[int, str], routes: Mapping[int, str]) -> str:
    """Name a place or route of `Content.cover`, with what two people can compare aloud of its cells."""
    kind, _space, number_of = key.partition(" ")
    name = (places if kind == "place" else routes).get(int(number_of), f"#{number_of}")
    state = short_digest(digest) if digest else _("is gone")
    return f"{name} · {state}"


def _part(part: Mapping[str, Any], routes: Mapping[int, str]) -> str:
    name, stop = routes.get(part["route_id"], f"#{part['route_id']}"), part.get("stop_position")
    template = _STRETCHES.get(part.get("direction", "all"))
    if stop is None or template is None:
        return name
    return f"{name} · {template % {'number': number(stop + 1)}}"


def _schedule(schedule: Mapping[str, Any]) -> str:
    if schedule.get("on_approval"):
        return str(_("As soon as it is approved"))
    starts = wall_clock(datetime.fromisoformat(schedule["starts_at"]), "medium")
    return f"{starts} · {recurrence_words(schedule['recurrence'])} · {schedule['time_zone']}"
