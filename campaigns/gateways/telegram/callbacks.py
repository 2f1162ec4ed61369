"""Verifies and reads what Telegram posts for our bots: what people write, press and share, and who blocks us."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.core import clock
from campaigns.core.languages import all_languages
from campaigns.gateways.callbacks import (
    Callback,
    Happening,
    Inbound,
    InboundMedia,
    MediaKind,
    StatusUpdate,
    Verdict,
    hook_secret,
)
from campaigns.gateways.kinds import Credential

#: Kinds of update that we ask for, and that `read_inbound` knows.
UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
#: Carries what `connect` set as the secret.
HEADER = "x-telegram-bot-api-secret-token"
#: Telegram itself drops what it could not hand over within a day.
MAX_AGE = timedelta(hours=48)
#: The end of the last year that a date can name, in seconds as Telegram counts them.
_LAST_SECOND = 253_402_300_799

#: What the link of a way to join opens the chat with; its payload has at most 64 of these letters. Words behind
#: it were typed by a person, and may be a stop or call for help.
_START = re.compile(r"/start(?:@\w+)?(?:\s+(?P<payload>[!-~]+))?\s*")
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Parts of a message that say who or where somebody is, or that are read into fields of their own.
_NOT_TOLD = frozenset(
    {"from", "chat", "sender_chat", "text", "caption", "date", "message_id", "location", "entities"}
)
#: Parts of a message that are files, the telling ones first: a film without sound is a document too.
_FILES = {
    "voice": MediaKind.VOICE,
    "audio": MediaKind.VOICE,
    "video_note": MediaKind.FILM,
    "video": MediaKind.FILM,
    "animation": MediaKind.FILM,
    "sticker": MediaKind.PICTURE,
    "document": MediaKind.FILE,
}
#: Where each kind of update says when it was done; a pressed button has no time of its own.
_TIMES = (("message", "date"), ("edited_message", "edit_date"), ("my_chat_member", "date"))
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LONGEST_SECONDS = 86_400


class TelegramUpdates:
    """Reads the updates of our bots; each has an address and a header of its own."""

    name = "telegram"
    is_signed = True

    def __init__(self, credentials: Sequence[Credential]) -> None:
        self._bots = [(hook_secret(each.token), each) for each in credentials]

    def judge(self, callback: Callback) -> Verdict:
        """Compare the secret in address and header with each bot's; see CallbackReader.judge."""
        bot = self._bot_of(callback)
        # A stranger's body is not even parsed.
        update = _object(_parsed(callback.body)) if bot else {}
        if bot is None or not update:
            return Verdict.FORGED
        if _is_stale(update):
            return Verdict.STALE
        return Verdict.REHEARSAL if bot.is_rehearsal else Verdict.GENUINE

    def account_of(self, callback: Callback) -> str:
        """Return the id of the bot; see CallbackReader.account_of."""
        bot = self._bot_of(callback)
        return bot.account if bot else ""

    def read_statuses(self, callback: Callback) -> list[StatusUpdate]:
        """Return nothing: Telegram does not say what became of a message."""
        return []

    def read_inbound(self, callback: Callback) -> list[Inbound]:
        """Return what a person did in a private chat; other kinds of update say nothing to us."""
        bot = self._bot_of(callback)
        if bot is None:
            return []
        update = _object(_parsed(callback.body))
        for kind, read in _READERS.items():
            content = _object(update.get(kind))
            person = content and _person_in(content)
            if person:
                heard = read(content)
                return [_inbound(bot.account, update, person, heard, kind)] if heard else []
        return []

    def _bot_of(self, callback: Callback) -> Credential | None:
        header = callback.headers.get(HEADER, "").encode()
        found = None
        for secret, bot in self._bots:
            in_address = hmac.compare_digest(secret.encode(), callback.secret.encode())
            in_header = hmac.compare_digest(secret.encode(), header)
            if in_address and in_header:
                found = bot
        return found


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a person did, before it is known where."""

    happening: Happening
    text: str = ""
    payload: str = ""
    location: tuple[float, float] | None = None
    #: Names of the other parts of a message ("voice", "photo"), never what is in them.
    parts: str = ""
    media: tuple[InboundMedia, ...] = ()


@dataclass(frozen=True, slots=True)
class _Person:
    chat_id: str
    language: str


def _inbound(bot_id: str, update: Mapping[str, Any], person: _Person, heard: _Heard, kind: str) -> Inbound:
    update_id = update.get("update_id")
    return Inbound(
        provider_id=f"{bot_id}:{update_id}"[:64] if isinstance(update_id, int) else "",
        from_handle=person.chat_id,
        to_handle=bot_id,
        text=heard.text,
        channel="telegram",
        raw={"kind": kind, **({"parts": heard.parts} if heard.parts else {})},
        happening=heard.happening,
        location=heard.location,
        payload=heard.payload,
        language=person.language,
        said_at=_time_of(update),
        is_numbered=isinstance(update_id, int),
        media=heard.media,
        is_edit=kind == "edited_message",
    )


def _read_message(content: Mapping[str, Any]) -> _Heard:
    """Read a text, a place, a pressed Start, or anything else that a person sends."""
    text = _text(content.get("text") or content.get("caption"))
    start = _START.fullmatch(text)
    if start:
        payload = start["payload"] or ""
        return _Heard(Happening.STARTED, payload=payload if _PAYLOAD.fullmatch(payload) else "")
    location = _location(_object(content.get("location")))
    happening = Happening.SHARED_LOCATION if location else Happening.WROTE
    parts = " ".join(sorted(str(name) for name in content if name not in _NOT_TOLD))
    return _Heard(happening, text, location=location, parts=parts[:200], media=_media_in(content))


def _read_edit(content: Mapping[str, Any]) -> _Heard | None:
    """Read words that a person changed, which may be a stop now, or call for help.

    A place that moves along with them is one they shared before, and some edits change nothing that they see.
    """
    heard = _read_message(content)
    is_seen = isinstance(content.get("edit_date"), int)
    return replace(heard, media=()) if is_seen and heard.text else None


def _media_in(content: Mapping[str, Any]) -> tuple[InboundMedia, ...]:
    """Return the file of a message: the largest of the sizes of a photo, or what else is one."""
    sizes = [_object(one) for one in _list(content.get("photo"))]
    if sizes:
        return (InboundMedia(MediaKind.PICTURE, _file_id(sizes[-1])),)
    for name, kind in _FILES.items():
        file = _object(content.get(name))
        if file:
            seconds = file.get("duration")
            is_told = isinstance(seconds, int) and 0 <= seconds <= _LONGEST_SECONDS
            return (InboundMedia(kind, _file_id(file), seconds if is_told else None),)
    return ()


def _file_id(file: Mapping[str, Any]) -> str:
    file_id = _text(file.get("file_id"))
    return file_id if _FILE_ID.fullmatch(file_id) else ""


def _read_press(content: Mapping[str, Any]) -> _Heard:
    """Read a pressed button and find its label in the message that carries it."""
    payload = _text(content.get("data"))
    markup = _object(_object(content.get("message")).get("reply_markup"))
    buttons = [_object(one) for row in _list(markup.get("inline_keyboard")) for one in _list(row)]
    labels = (_text(one.get("text")) for one in buttons if one.get("callback_data") == payload)
    return _Heard(Happening.PRESSED_BUTTON, next(labels, ""), payload=payload)


def _read_membership(content: Mapping[str, Any]) -> _Heard | None:
    """Read whether a person blocked the bot or let it back in."""
    status = _object(content.get("new_chat_member")).get("status")
    if status == "kicked":
        return _Heard(Happening.BLOCKED)
    return _Heard(Happening.UNBLOCKED) if status == "member" else None


_READERS = {
    "message": _read_message,
    "edited_message": _read_edit,
    "callback_query": _read_press,
    "my_chat_member": _read_membership,
}


def _person_in(content: Mapping[str, Any]) -> _Person | None:
    """Return who acts, in a chat with nobody else; None for groups, channels and bots."""
    sender = _object(content.get("from"))
    chat = _object(content.get("chat") or _object(content.get("message")).get("chat"))
    chat_id = chat.get("id")
    if chat.get("type") != "private" or sender.get("is_bot") or not isinstance(chat_id, int) or chat_id <= 0:
        return None
    return _Person(str(chat_id)[:20], _language(_text(sender.get("language_code"))))


def _language(tag: str) -> str:
    """Reduce an IETF tag ("pt-br") to a language we have, or ''."""
    primary = tag.lower().partition("-")[0]
    return primary if primary in all_languages() else ""


def _location(place: Mapping[str, Any]) -> tuple[float, float] | None:
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return float(latitude), float(longitude)


def _is_stale(update: Mapping[str, Any]) -> bool:
    """Say whether somebody plays an old update again; one without a time is not known to be."""
    said_at = _time_of(update)
    return said_at is not None and said_at < clock.now() - MAX_AGE


def _time_of(update: Mapping[str, Any]) -> datetime | None:
    """Return when the person did it."""
    for kind, name in _TIMES:
        date = _object(update.get(kind)).get(name)
        if isinstance(date, int):
            # What no calendar knows is very long ago, or will never be.
            return datetime.fromtimestamp(min(max(date, 0), _LAST_SECOND), UTC)
    return None


def _parsed(body: bytes) -> Any:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if b"\\ud" not in body.lower():
        return parsed
    # Half of a pair of code units is no letter: nobody can keep it, and Telegram would post the update for ever.
    return json.loads(json.dumps(parsed, ensure_ascii=False).encode(errors="replace"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
