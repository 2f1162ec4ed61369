"""While nobody of the team is on duty, whoever writes is told where help is, and when somebody reads again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.directory.signposting.choice import Need
from campaigns.inbox.automatic.chosen_texts import find_chosen
from campaigns.inbox.conversations.models import Conversation, Occasion
from campaigns.inbox.duty.queries import UsualHours, load_roster
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.text.placeholders import HOTLINE
from campaigns.staff.models import Organisation

#: What is further away is said with its day.
_SOON = timedelta(hours=20)


def find_off_duty(session: Session, organisation_id: int, usual: UsualHours) -> datetime | None:
    """Return when somebody of an organisation reads again (UTC); None while somebody is on duty.

    None as well where nothing is said by itself at such times, or nobody knows when: nothing is promised then.
    """
    if find_chosen(session, organisation_id, Occasion.OFF_DUTY) is None:
        return None
    now = clock.now()
    again = load_roster(session, session.get_one(Organisation, organisation_id), usual).next_answer(now)
    return None if again is None or again <= now else again


def only_open(known: KnownHelp, need: Need) -> KnownHelp:
    """Return the numbers for help, but for helplines that are closed now: the emergency number stands in."""
    found = known.find([HOTLINE], need)
    is_closed = any(each.signpost is not None and each.signpost.opens is not None for each in found)
    return replace(known, services=()) if is_closed else known


def zone_of(session: Session, conversation: Conversation) -> str:
    """Return the time zone in which a person reads times: theirs, or the organisation's."""
    theirs = session.scalar(select(Contact.time_zone).where(Contact.id == conversation.contact_id))
    return theirs or session.get_one(Organisation, conversation.organisation_id).time_zone


def write_again(again: datetime, zone: str, *, now: datetime) -> str:
    """Write a moment as it is understood in every language: the hour, with the day where it is not soon."""
    local = again.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}" if again - now < _SOON else f"{local:%d.%m. %H:%M}"
