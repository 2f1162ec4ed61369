"""A bot reads a chat, shows that it types, and changes, copies or deletes what it sent there."""

from collections.abc import Awaitable, Callable
from typing import Any

from campaigns.sandbox.telegram.bot_objects import bot_user, chat_dict, message_dict, person_of
from campaigns.sandbox.telegram.call_parameters import Parameters, TelegramError
from campaigns.sandbox.telegram.markup import plain_text
from campaigns.sandbox.telegram.sending import LONGEST_TEXT, Parcel, demand_reachable, read_chat_id
from campaigns.sandbox.world.state import Message, World

Method = Callable[[Parameters], Awaitable[tuple[Any, str]]]

_ACTIONS = frozenset(
    (
        *("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"),
        *("upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note"),
    )
)
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
_UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
#: For so long, in seconds, a bot may delete what is in a private chat.
_DELETABLE_S = 48 * 3_600


class ChatMethods:
    """The methods that act on a chat, or on a message that is there."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.methods: dict[str, Method] = {
            "getchat": self.get_chat,
            "sendchataction": self.send_chat_action,
            "deletemessage": self.delete_message,
            "editmessagetext": self.edit_message_text,
            "logout": self.log_out,
        }

    async def get_chat(self, parameters: Parameters) -> tuple[Any, str]:
        """Return a chat that the bot knows."""
        chat_id = read_chat_id(parameters)
        if self._world.telegram.state_of(chat_id, self._world.fixture) == "not_found":
            raise TelegramError(400, "chat not found")
        shown = {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(_GIFTS, False),
        }
        return chat_dict(chat_id) | shown, ""

    async def send_chat_action(self, parameters: Parameters) -> tuple[Any, str]:
        """Show in a chat that the bot does something."""
        chat_id = read_chat_id(parameters)
        if parameters.text("action") not in _ACTIONS:
            raise TelegramError(400, "wrong parameter action in request")
        demand_reachable(self._world, chat_id)
        return True, ""

    async def delete_message(self, parameters: Parameters) -> tuple[Any, str]:
        """Delete a message of either side from a private chat."""
        message = self._find(parameters, read_chat_id(parameters), "message to delete not found")
        if self._world.timeline.now() - message.created_at > _DELETABLE_S:
            raise TelegramError(400, "message can't be deleted")
        message.is_deleted = True
        return True, ""

    async def edit_message_text(self, parameters: Parameters) -> tuple[Any, str]:
        """Change the words of a message that the bot sent."""
        chat_id = read_chat_id(parameters)
        message = self._find(parameters, chat_id, "message to edit not found")
        if message.is_inbound:
            raise TelegramError(400, "message can't be edited")
        text = plain_text(parameters.text("text"), parameters.text("parse_mode"))
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise TelegramError(400, "message is too long" if text.strip() else "message text is empty")
        if text == message.body:
            raise TelegramError(400, _UNCHANGED)
        message.body, message.updated_at = text, self._world.timeline.now()
        sender, number = bot_user(self._world.config), parameters.whole("message_id", 0)
        edited = message_dict(number, chat_id, sender=sender, at=message.created_at)
        return edited | {"edit_date": int(message.updated_at), "text": text}, ""

    async def log_out(self, _parameters: Parameters) -> tuple[Any, str]:
        """Let the bot go to another server; this one goes on serving it."""
        return True, ""

    def read_copy(self, parameters: Parameters, chat_id: int) -> Parcel:
        """Return what a copy of a message sends to a chat; raise TelegramError where there is none to copy."""
        there = Parameters({"chat_id": parameters.text("from_chat_id")})
        copied = self._find(parameters, read_chat_id(there), "message to copy not found")
        text = parameters.text("caption") or copied.body
        return Parcel(chat_id, text, copied.buttons, copied.location, has_photo=bool(copied.num_media))

    def _find(self, parameters: Parameters, chat_id: int, otherwise: str) -> Message:
        sid = f"{self._world.config.telegram_bot_id}:{parameters.whole('message_id', 0)}"
        message = self._world.by_sid.get(sid)
        if message is None or message.is_deleted or message.person != person_of(chat_id):
            raise TelegramError(400, otherwise)
        return message
