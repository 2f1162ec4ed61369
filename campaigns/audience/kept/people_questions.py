"""A question about people is what a kept count answers: pure, with a digest by which it is found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from campaigns.audience.models import Channel
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, Resolution, SenderChoice

#: Whom a rule means, by everything that a text depends on.
PEOPLE = "people"
#: Those of them who had enough messages lately.
CAPPED = "capped"
#: Contacts and addresses of an organisation, by what their list is filtered by.
CONTACTS = "contacts"
#: People of an organisation who wrote nothing for long.
SILENT = "silent"
#: Contacts of each group of an organisation.
GROUPED = "grouped"
#: In the values of a question that is about a rule.
RULE = "rule"
#: The same in two questions that are about the same people: whom a rule means, and who of them had enough.
RESOLVED = (RULE, "senders", "languages", "fallback_language")


@dataclass(frozen=True)
class PeopleQuestion:
    """What is counted: a kind, and all that the answer depends on beside the people and the moment."""

    kind: str
    #: As JSON has it.
    values: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """Name the question: SHA-256 (hexadecimal) of its kind and values as canonical JSON."""
        asked = json.dumps([self.kind, self.values], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(asked.encode()).hexdigest()


def ask_people(rule: AudienceRule, resolution: Resolution) -> PeopleQuestion:
    """Ask whom a rule means, and what each of them would get, unknown time zones told apart."""
    return PeopleQuestion(PEOPLE, _resolved(rule, resolution))


def ask_capped(rule: AudienceRule, resolution: Resolution, *, messages: int, days: int) -> PeopleQuestion:
    """Ask which of those who would be written to had `messages` in `days` days."""
    return PeopleQuestion(CAPPED, _resolved(rule, resolution) | {"messages": messages, "days": days})


def ask_contacts() -> PeopleQuestion:
    """Ask how many contacts there are, by state, language and region."""
    return PeopleQuestion(CONTACTS, {})


def ask_grouped() -> PeopleQuestion:
    """Ask how many contacts are in each group."""
    return PeopleQuestion(GROUPED, {})


def ask_silent(days: int) -> PeopleQuestion:
    """Ask how many people wrote nothing for so many days, and were not asked."""
    return PeopleQuestion(SILENT, {"days": days})


def rule_of(values: Mapping[str, Any]) -> AudienceRule:
    """Return the rule that a question names. Raises AudienceRuleError."""
    return AudienceRule.from_json(values[RULE])


def resolution_of(values: Mapping[str, Any], *, now: datetime) -> Resolution:
    """Return how the people of a question are resolved at the moment `now` (aware UTC)."""
    return Resolution(
        senders=tuple(_sender(stored) for stored in values["senders"]),
        languages=tuple(values["languages"]),
        fallback_language=values["fallback_language"],
        default_zone=UNKNOWN_ZONE,
        now=now,
    )


def _resolved(rule: AudienceRule, resolution: Resolution) -> dict[str, Any]:
    return {
        RULE: rule.to_json(),
        "senders": [_stored(sender) for sender in resolution.senders],
        "languages": sorted(resolution.languages),
        "fallback_language": resolution.fallback_language,
    }


def _stored(sender: SenderChoice) -> dict[str, Any]:
    templates = sender.template_languages
    return {
        "id": sender.id,
        "channel": str(sender.channel),
        "countries": sorted(sender.countries),
        "template_languages": None if templates is None else sorted(templates),
        "active": sender.active,
    }


def _sender(stored: Mapping[str, Any]) -> SenderChoice:
    templates = stored["template_languages"]
    return SenderChoice(
        id=stored["id"],
        channel=Channel(stored["channel"]),
        countries=tuple(stored["countries"]),
        template_languages=None if templates is None else tuple(templates),
        active=stored["active"],
    )
