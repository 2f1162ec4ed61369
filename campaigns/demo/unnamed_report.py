"""Somebody reports something without a name, on the page for Poland, and comes back by a code for the answer."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from html import unescape

import requests
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.demo.stage import Cast
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.unnamed.form_stamp import SOONEST
from campaigns.messages.queries import load_help

FORM, CODE = "/en/pl/w", "/en/n"
REPORT = (
    "A man at the station offers women work in a hotel and takes their passports. He has a white van, and comes "
    "every evening at six."
)
ANSWER = "Thank you. We have read it, and pass it on to people who can act. Nobody here knows who you are."
_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_CARD = re.compile(r'<h2 class="card[^"]*" dir="ltr">([\d ]+)</h2>')


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a report."""

    code: str
    #: What its writer reads when they come back.
    answer: str


def let_one_report(sessions: sessionmaker[Session], settings: Settings, cast: Cast, web: str) -> Reported:
    """Report something as anybody would, answer it as a member, and come back.

    Raises UnavailableError when a page gives no code, or no answer.
    """
    shown = _fields(requests.get(f"{web}{FORM}", timeout=20))
    # Nobody reads a form and writes sooner.
    time.sleep(SOONEST.total_seconds())
    page = requests.post(f"{web}{FORM}", data=shown | {"text": REPORT, "answer": "yes"}, timeout=20)
    card = _CARD.search(page.text)
    if card is None:
        raise UnavailableError(f"{web}{FORM} gives no code.")
    with sessions.begin() as session:
        _answer(session, settings, cast)
    opening = _fields(requests.get(f"{web}{CODE}", timeout=20)) | {"code": card[1]}
    thread = unescape(requests.post(f"{web}{CODE}", data=opening, timeout=20).text)
    if REPORT not in thread or ANSWER not in thread:
        raise UnavailableError(f"{web}{CODE} shows no answer.")
    return Reported(card[1], ANSWER)


def _fields(page: requests.Response) -> dict[str, str]:
    return dict(_FIELD.findall(page.text))


def _answer(session: Session, settings: Settings, cast: Cast) -> None:
    """Answer the latest report."""
    reported = select(Conversation).join(UnnamedReport, UnnamedReport.conversation_id == Conversation.id)
    conversation = session.scalars(reported.order_by(Conversation.id.desc()).limit(1)).one()
    known = load_help(session, cast.organisation_id, fresh_days=settings.service_max_age_days)
    seen = service.seen_now(session, conversation)
    service.answer(
        session, conversation, ANSWER, by=cast.author_id, seen=seen, vault=settings.vault(), known=known
    )
