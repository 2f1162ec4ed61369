"""Ways to join are hung up with a code, found by what people send, and taken down; no verb commits."""

from __future__ import annotations

import re
import secrets
import unicodedata

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.audience.keywords import Meaning, is_mere_start, meaning_of
from campaigns.audience.models import EntryPoint
from campaigns.audience.phrases.lines import lines_of
from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.places.queries import places_by_id
from campaigns.staff import audit
from campaigns.staff.queries import owned

#: What Telegram takes as the payload of a link.
CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Shorter ones are words that people write for other reasons.
SHORTEST_CODE = 3
NAME_LIMIT = 200
#: Letters and digits that nobody mistakes for another on a poster.
_CLEAR = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_GENERATED_LENGTH = 6
#: Most words beside a code among which a stop is looked for.
_FIRST_WORDS = 3
#: What people put around a code.
_AROUND = re.compile(r"^[^A-Za-z0-9_-]+|(?<![^A-Za-z0-9_-])[^A-Za-z0-9_-]+$")


def create_entry_point(
    session: Session,
    organisation_id: int,
    *,
    name: str,
    by: int | None,
    code: str = "",
    place_id: int | None = None,
    language: str | None = None,
) -> EntryPoint:
    """Hang up a way to join; without a `code` it gets a short one.

    Raises InputError for a name that is missing or too long, a code that is taken or means something already, and
    a place or language that does not exist.
    """
    _check(session, organisation_id, place_id=place_id, language=language)
    entry_point = EntryPoint(
        organisation_id=organisation_id,
        name=_named(name),
        code=_chosen(session, code) if code else _generated(session),
        place_id=place_id,
        language=language,
        created_at=clock.now(),
    )
    session.add(entry_point)
    session.flush()
    audit.record(session, "entry_point.create", subject=entry_point, organisation_id=organisation_id, member_id=by)
    return entry_point


def take_down(session: Session, entry_point: EntryPoint, *, by: int | None) -> bool:
    """Let nobody join through it any more; its code stays taken. Return False when it was down already."""
    session.refresh(entry_point, with_for_update=True)
    if entry_point.removed_at is not None:
        return False
    entry_point.removed_at = clock.now()
    audit.record(
        session,
        "entry_point.take_down",
        subject=entry_point,
        organisation_id=entry_point.organisation_id,
        member_id=by,
    )
    return True


def select_entry_points(organisation_id: int) -> Select[EntryPoint]:
    """Select an organisation's ways to join, newest first."""
    return owned(select(EntryPoint), EntryPoint, organisation_id).order_by(EntryPoint.id.desc())


def find_by_code(session: Session, code: str) -> EntryPoint | None:
    """Return the way to join with a code, however its letters are written, unless it was taken down."""
    if not CODE.fullmatch(code):
        return None
    return session.scalar(_with_code(code).where(EntryPoint.removed_at.is_(None)))


def find_in_text(session: Session, text: str) -> EntryPoint | None:
    """Return the way to join whose code is the first word of a message, or follows a word for joining.

    A message that says stop beside it, or may say it, names none.
    """
    code, others = _part(text)
    if not code or Meaning.STOP in map(meaning_of, " ".join(others).split()[:_FIRST_WORDS]):
        return None
    entry_point = find_by_code(session, code)
    if entry_point is None or meaning_of(beside_code(text)) in (Meaning.STOP, Meaning.HOLD):
        return None
    return entry_point


def beside_code(text: str) -> str:
    """Return what a message that begins with a code says more than that; '' for a start or courtesies at most."""
    return "\n".join(line for line in _part(text)[1] if not is_mere_start(line))


def _part(text: str) -> tuple[str, list[str]]:
    """Return the word of a message that may be a code, and its lines without that word; '' where there is none.

    Quotes and stops that people put around a code stay in the lines, for a sign may be among them.
    """
    lines = lines_of(unicodedata.normalize("NFKC", text))
    words = lines[0].split() if lines else []
    at = 1 if len(words) > 1 and meaning_of(words[0]) is Meaning.START else 0
    code = _AROUND.sub("", words[at]) if words else ""
    if not code:
        return "", lines
    around = words[at].replace(code, " ", 1)
    return code, [" ".join([*words[:at], around, *words[at + 1 :]]).strip(), *lines[1:]]


def _with_code(code: str) -> Select[EntryPoint]:
    return select(EntryPoint).where(func.lower(EntryPoint.code) == code.lower())


def _chosen(session: Session, code: str) -> str:
    if not CODE.fullmatch(code) or len(code) < SHORTEST_CODE:
        raise InputError(
            N_("A code has %(shortest)s to %(longest)s of the letters A to Z, digits, _ and -."),
            shortest=SHORTEST_CODE,
            longest=64,
        )
    if meaning_of(code) is not None:
        raise InputError(N_("This word already asks for something in one of our languages; choose another code."))
    if session.scalar(_with_code(code)) is not None:
        raise InputError(N_("This code is taken; choose another one."))
    return code


def _generated(session: Session) -> str:
    while True:
        code = "".join(secrets.choice(_CLEAR) for _ in range(_GENERATED_LENGTH))
        if meaning_of(code) is None and session.scalar(_with_code(code)) is None:
            return code


def _check(session: Session, organisation_id: int, *, place_id: int | None, language: str | None) -> None:
    if place_id is not None and place_id not in places_by_id(session, organisation_id, [place_id]):
        raise InputError(N_("There is no place %(id)s any more."), id=place_id)
    if language is not None and language not in all_languages():
        raise InputError(N_("There is no language %(code)s."), code=language)


def _named(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > NAME_LIMIT:
        raise InputError(N_("A way to join needs a name of at most %(limit)s characters."), limit=NAME_LIMIT)
    return clean
