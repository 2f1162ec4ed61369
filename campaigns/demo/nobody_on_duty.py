"""One more person asks while nobody is on duty, and is told at once where help is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.delivery.states import SendState
from campaigns.demo import scenario
from campaigns.demo.answers import OPENING
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.demo.stage import Cast
from campaigns.inbox.conversations.models import Answer, Occasion
from campaigns.inbox.duty.duty_hours import MINUTES_OF_DAY
from campaigns.inbox.duty.service import PlannedDuty, add_duty

#: Longest that the night's answer may take, in seconds.
PATIENCE = 30.0
_LOOK_EVERY = 0.1
#: The desk opens in so many hours, whatever the clock says when the demo runs, and for so long.
_OPENS_IN, _OPEN_FOR = 8, 8


@dataclass(frozen=True, slots=True)
class AnswerOffDuty:
    """What somebody was told while nobody is on duty."""

    text: str
    #: Seconds from their message until the provider had the answer.
    seconds: float


def let_one_ask_at_night(
    sessions: sessionmaker[Session], settings: Settings, cast: Cast, control: SandboxControl
) -> AnswerOffDuty | None:
    """Let it be night at the desk and one person ask; return what they were told, None where nobody asks."""
    channel, language, text = scenario.NIGHT_QUESTION
    opening = scenario.message_texts()[language][:OPENING]
    readers = control.readers(channel, opening)
    if not readers:
        return None
    with sessions.begin() as session:
        _end_duty(session, cast)
        last_id = session.scalar(select(func.max(Answer.id))) or 0
    sender = next(facts for facts in scenario.SENDERS if facts.channel == channel)
    began = time.monotonic()
    control.act(
        readers[len(readers) // 2], opt_out=False, text=text, to=scenario.PREFIXES[channel] + sender.identity
    )
    while time.monotonic() < began + PATIENCE:
        if (told := _find_told(sessions, settings, after=last_id)) is not None:
            return AnswerOffDuty(told, time.monotonic() - began)
        time.sleep(_LOOK_EVERY)
    return None


def _end_duty(session: Session, cast: Cast) -> None:
    """Let the author keep a duty that begins hours later."""
    local = clock.now().astimezone(ZoneInfo(scenario.TIME_ZONE))
    begin = ((local.hour + _OPENS_IN) * 60) % MINUTES_OF_DAY
    end = (begin + _OPEN_FOR * 60) % MINUTES_OF_DAY
    planned = PlannedDuty("Day", range(7), begin, end, (), [cast.author_id], None, [])
    add_duty(session, cast.organisation_id, planned, by=cast.author_id)


def _find_told(sessions: sessionmaker[Session], settings: Settings, *, after: int) -> str | None:
    """Return the words of the night's answer, of those after one, once the provider has it."""
    words = select(RunText).join(Delivery, Delivery.text_id == RunText.id)
    told = words.join(Answer, Answer.run_id == Delivery.run_id).where(
        Answer.id > after, Answer.occasion == Occasion.OFF_DUTY, Delivery.send_state == SendState.ACCEPTED
    )
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        row = session.scalar(told.order_by(Answer.id).limit(1))
        return None if row is None else open_body(row.body, row.sealed_body, row.id, settings.vault())
