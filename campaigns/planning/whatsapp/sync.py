"""Keeps our WhatsApp templates in step with the provider's book: makes, submits and looks them up.

Each round lists an account's book before it makes anything, and knows its own by name. So a crash after a call and
before its result was stored makes nothing twice: the next round finds the template and takes it over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import FingerpostError, RefusedError
from campaigns.gateways.template_book import TemplateBook, TemplateStanding
from campaigns.messages.composer.preview import EXAMPLES
from campaigns.planning.models import TemplateState, WhatsAppTemplate

_log = logging.getLogger(__name__)

#: What fills a slot for whoever approves the template.
SAMPLES = EXAMPLES | {"hotline": "+48 22 628 01 20"}
#: Which worker may make or submit a template; longer than any call lasts, list included.
LEASE = timedelta(minutes=3)
#: How often a settled template is looked at again: a provider may pause what it has approved.
SETTLED_FOR = timedelta(hours=1)
#: Most templates taken up in one round.
ROUND = 200
LONGEST_REASON = 300

_OPEN = (TemplateState.WANTED, TemplateState.UNSUBMITTED, TemplateState.RECEIVED, TemplateState.PENDING)
_OURS_TO_MOVE = (TemplateState.WANTED, TemplateState.UNSUBMITTED)

#: Gives the book of an account by gateway and name of the credential; None where nothing has to be approved.
OpenTemplates = Callable[[str, str], TemplateBook | None]
#: Whether an organisation may use a credential.
MayUse = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class _Wish:
    """A template as a round read it; no session is held over a call."""

    id: int
    name: str
    language: str
    body: str
    slots: tuple[str, ...]
    category: str
    state: TemplateState
    content_sid: str | None


async def sync_templates(
    sessions: sessionmaker[Session], *, open_templates: OpenTemplates, may_use: MayUse
) -> int:
    """Bring every account's templates a step on; return how many rows were looked at.

    An account whose provider does not answer is left for the next round, and so are the texts of an organisation
    that may not use the account (any more).
    """
    seen = 0
    for (gateway, secret_name), wishes in (await asyncio.to_thread(_load_due, sessions, may_use)).items():
        try:
            book = open_templates(gateway, secret_name)
            if book is None:
                continue
            try:
                await _sync_account(sessions, book, wishes)
            finally:
                await book.close()
        except FingerpostError as error:
            _log.warning("the templates of %s are left for the next round: %s", secret_name, error)
            continue
        seen += len(wishes)
    return seen


async def _sync_account(sessions: sessionmaker[Session], book: TemplateBook, wishes: Sequence[_Wish]) -> None:
    listed_at = clock.now()
    held = [standing async for page in book.states() for standing in page]
    for wish in wishes:
        standing = _find(held, wish)
        if wish.state not in _OURS_TO_MOVE or (standing is not None and standing.state != "unsubmitted"):
            await asyncio.to_thread(_write_standing, sessions, wish, standing)
        elif await asyncio.to_thread(_claim, sessions, wish, listed_at):
            await _bring_forward(sessions, book, wish, standing)


async def _bring_forward(
    sessions: sessionmaker[Session], book: TemplateBook, wish: _Wish, standing: TemplateStanding | None
) -> None:
    """Make the template where the book has none, and hand it in."""
    try:
        sid = standing.id if standing else wish.content_sid
        if sid is None:
            samples = {str(place): _sample(slot) for place, slot in enumerate(wish.slots, start=1)}
            language = wish.language.replace("-", "_")
            sid = await book.create(wish.name, language=language, body=wish.body, samples=samples)
        await asyncio.to_thread(_write, sessions, wish, TemplateState.UNSUBMITTED, content_sid=sid)
        word = await book.submit(sid, name=wish.name, category=wish.category)
        await asyncio.to_thread(_write, sessions, wish, _state_of(word) or TemplateState.RECEIVED)
    except RefusedError as error:
        await asyncio.to_thread(_write, sessions, wish, TemplateState.REJECTED, reason=str(error))


def _load_due(sessions: sessionmaker[Session], may_use: MayUse) -> dict[tuple[str, str], list[_Wish]]:
    """Read the templates that wait for something, and settled ones that were not looked at for a while."""
    before = clock.now() - SETTLED_FOR
    due = or_(
        WhatsAppTemplate.state.in_(_OPEN),
        WhatsAppTemplate.content_sid.is_not(None) & (WhatsAppTemplate.synced_at < before),
    )
    found: dict[tuple[str, str], list[_Wish]] = {}
    with sessions() as session:
        # SQLite has one writer, and most rounds only look.
        session.connection(execution_options={"read_only": True})
        rows = session.scalars(
            select(WhatsAppTemplate).where(due).order_by(WhatsAppTemplate.id).execution_options(yield_per=ROUND)
        )
        for row in islice((row for row in rows if may_use(row.secret_name, row.organisation_id)), ROUND):
            wish = _Wish(
                row.id,
                row.name,
                row.language,
                row.body,
                tuple(row.slots),
                str(row.category),
                TemplateState(row.state),
                row.content_sid,
            )
            found.setdefault((row.gateway, row.secret_name), []).append(wish)
    return found


def _claim(sessions: sessionmaker[Session], wish: _Wish, listed_at: datetime) -> bool:
    """Say whether this worker may call for the template: nobody has since well before the book was listed.

    Who calls marks the row first. A mark that is younger than the lease may stand for a call whose template the
    list does not show yet.
    """
    unclaimed = or_(WhatsAppTemplate.synced_at.is_(None), WhatsAppTemplate.synced_at < listed_at - LEASE)
    with sessions.begin() as session:
        taken = session.execute(
            update(WhatsAppTemplate)
            .where(WhatsAppTemplate.id == wish.id, WhatsAppTemplate.state == wish.state, unclaimed)
            .where(WhatsAppTemplate.name == wish.name)
            .values(synced_at=clock.now())
            .returning(WhatsAppTemplate.id)
        )
        return taken.first() is not None


def _write_standing(sessions: sessionmaker[Session], wish: _Wish, standing: TemplateStanding | None) -> None:
    """Store what the book says; what it does not hold any more can be sent no longer."""
    if standing is not None:
        state = _state_of(standing.state) or wish.state
        _write(sessions, wish, state, reason=standing.reason, content_sid=standing.id)
    elif wish.state not in _OPEN:
        _write(sessions, wish, TemplateState.DISABLED, reason="The provider does not hold it any more.")


def _write(
    sessions: sessionmaker[Session],
    wish: _Wish,
    state: TemplateState,
    *,
    reason: str = "",
    content_sid: str | None = None,
) -> None:
    known = {} if content_sid is None else {"content_sid": content_sid}
    values = {"state": state, "reason": reason[:LONGEST_REASON], "synced_at": clock.now()} | known
    with sessions.begin() as session:
        # By its name: a member may have asked anew meanwhile.
        asked = update(WhatsAppTemplate).where(WhatsAppTemplate.id == wish.id, WhatsAppTemplate.name == wish.name)
        session.execute(asked.values(values))


def _find(held: Collection[TemplateStanding], wish: _Wish) -> TemplateStanding | None:
    """Return the wish's template in the book: by the id it was given, else by its name, which is ours alone."""
    by_id = (standing for standing in held if wish.content_sid and standing.id == wish.content_sid)
    by_name = (standing for standing in held if standing.name == wish.name)
    return next(by_id, None) or next(by_name, None)


def _state_of(word: str) -> TemplateState | None:
    """Return the state a provider's word names; None for a word we do not know, which changes nothing."""
    with suppress(ValueError):
        return TemplateState(word)
    return None


def _sample(slot: str) -> str:
    name, _, fallback = slot.partition("??")
    return SAMPLES.get(name) or fallback or name
