"""The sandbox sends these objects of the Bot API: users, chats, messages, and contents of updates."""

from typing import Any

from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox.world.file_store import GivenFile, SentFile
from campaigns.sandbox.world.state import Location

PREFIX = "telegram:"
_PARTS = {"image/jpeg": "photo", "audio/ogg": "voice", "video/mp4": "video"}


def person_of(chat_id: int) -> str:
    """Return the address under which the sandbox keeps a chat."""
    return f"{PREFIX}{chat_id}"


def chat_id_of(person: str) -> int | None:
    """Return the chat id in an address or written alone; None when there is none."""
    text = person.removeprefix(PREFIX).strip()
    try:
        return int(text) or None
    except ValueError:
        return None


def bot_user(config: SandboxConfig) -> dict[str, Any]:
    """Return the bot as a User."""
    return {
        "id": config.telegram_bot_id,
        "is_bot": True,
        "first_name": "Fingerpost",
        "username": config.telegram_bot_username,
    }


def person_user(chat_id: int) -> dict[str, Any]:
    """Return the person of a private chat as a User; the name only tells people apart."""
    return {"id": chat_id, "is_bot": False, "first_name": f"Person {chat_id}"}


def chat_dict(chat_id: int) -> dict[str, Any]:
    """Return a Chat: positive ids are private, those from -100… supergroups, other negative ones groups."""
    if chat_id > 0:
        return {"id": chat_id, "first_name": f"Person {chat_id}", "type": "private"}
    kind = "supergroup" if str(chat_id).startswith("-100") else "group"
    return {"id": chat_id, "title": f"Group {-chat_id}", "type": kind}


def message_dict(message_id: int, chat_id: int, *, sender: dict[str, Any], at: float) -> dict[str, Any]:
    """Return a Message without its content; `at` is seconds since the epoch."""
    return {"message_id": message_id, "from": sender, "chat": chat_dict(chat_id), "date": int(at)}


def location_dict(location: Location) -> dict[str, Any]:
    """Return a Location in degrees."""
    return {"latitude": location.latitude, "longitude": location.longitude}


def file_dict(file: SentFile, given: GivenFile) -> dict[str, Any]:
    """Return the part of a message that a file is: a voice note, the sizes of a photo, or a document."""
    facts = {"file_id": file.sid, "file_unique_id": file.sid[-16:], "file_size": len(file.content)}
    kind = given.kind or _PARTS.get(file.content_type.partition(";")[0], "document")
    if kind == "photo":
        small = facts | {"file_id": f"{file.sid}-small", "width": 90, "height": 68}
        return {"photo": [small, facts | {"width": 1280, "height": 960}]}
    played = {} if kind in ("document", "sticker") else {"duration": given.seconds}
    named = {"file_name": given.name} if given.name else {}
    return {kind: facts | played | named | {"mime_type": file.content_type}}


def membership(config: SandboxConfig, chat_id: int, *, at: float, is_blocked: bool) -> dict[str, Any]:
    """Return the my_chat_member content of a person who blocks the bot or lets it back in."""
    user = bot_user(config)
    member: dict[str, Any] = {"user": user, "status": "member"}
    kicked: dict[str, Any] = {"user": user, "status": "kicked", "until_date": 0}
    return {
        "chat": chat_dict(chat_id),
        "from": person_user(chat_id),
        "date": int(at),
        "old_chat_member": member if is_blocked else kicked,
        "new_chat_member": kicked if is_blocked else member,
    }
