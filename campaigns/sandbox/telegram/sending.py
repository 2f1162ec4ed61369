"""What a bot sends is checked as Telegram does, in its order, and kept as a message of the sandbox."""

from dataclasses import dataclass
from typing import Any

from campaigns.sandbox.telegram.bot_objects import bot_user, location_dict, message_dict, person_of
from campaigns.sandbox.telegram.call_parameters import Parameters, TelegramError, too_fast
from campaigns.sandbox.telegram.markup import plain_text, read_buttons
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.state import Button, Location, Message, World

LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_MIGRATED = "group chat was upgraded to a supergroup chat"
_PHOTO = {"file_id": "sandbox-photo", "file_unique_id": "sandbox", "width": 1, "height": 1}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to be sent, as far as the sandbox looks at it."""

    chat_id: int
    text: str = ""
    buttons: tuple[Button, ...] = ()
    location: Location | None = None
    has_photo: bool = False
    #: The inline keyboard as it came, which the answer repeats.
    markup: Any = None


def read_parcel(method: str, parameters: Parameters, chat_id: int) -> Parcel:
    """Read the content of `sendmessage`, `sendphoto` or `sendlocation`; raise TelegramError on a bad one."""
    buttons = read_buttons(parameters)
    markup = parameters.parsed("reply_markup", "")
    inline = markup if markup and "inline_keyboard" in markup else None
    if method == "sendlocation":
        place = Location(parameters.degrees("latitude", 90), parameters.degrees("longitude", 180))
        return Parcel(chat_id, buttons=buttons, location=place, markup=inline)
    is_photo = method == "sendphoto"
    if is_photo and not _has_photo(parameters):
        raise TelegramError(400, "there is no photo in the request")
    text = plain_text(parameters.text("caption" if is_photo else "text"), parameters.text("parse_mode"))
    if not is_photo and not text.strip():
        raise TelegramError(400, "message text is empty")
    if len(text) > (_LONGEST_CAPTION if is_photo else LONGEST_TEXT):
        raise TelegramError(400, "message caption is too long" if is_photo else "message is too long")
    return Parcel(chat_id, text, buttons, has_photo=is_photo, markup=inline)


def _has_photo(parameters: Parameters) -> bool:
    photo = parameters.text("photo")
    return (
        photo.removeprefix("attach://") in parameters.files
        if photo.startswith("attach://")
        else bool(photo or "photo" in parameters.files)
    )


def read_chat_id(parameters: Parameters) -> int:
    """Return the chat of a call; raise TelegramError when none is named or it cannot be one."""
    text = parameters.text("chat_id")
    if not text:
        raise TelegramError(400, "chat_id is empty")
    try:
        return int(text)
    except ValueError as error:
        raise TelegramError(400, "chat not found") from error


def demand_reachable(world: World, chat_id: int) -> None:
    """Raise TelegramError unless the bot may write to a chat now."""
    moved = world.fixture.telegram_migrated.get(str(chat_id))
    if moved is not None:
        raise TelegramError(400, _MIGRATED, migrate_to_chat_id=moved)
    state = world.telegram.state_of(chat_id, world.fixture)
    if state == "not_found":
        raise TelegramError(400, "chat not found")
    if state == "deactivated":
        raise TelegramError(403, "user is deactivated")
    if state == "blocked":
        raise TelegramError(
            403, "bot was blocked by the user" if chat_id > 0 else "bot was kicked from the group chat"
        )


def demand_place(world: World, chat_id: int, plan: Plan) -> None:
    """Raise TelegramError when a fault says so or a limit is reached, else take the message's place."""
    if plan.error in (429, 20429):
        raise too_fast(plan.retry_after or 1)
    if 400 <= plan.error < 600:
        raise TelegramError(plan.error, _ARMED_WORDS.get(plan.error, ""))
    if world.fixture.telegram_limits:
        wait = world.telegram.gate.retry_after(chat_id, world.timeline.now())
        if wait:
            raise too_fast(wait)


_ARMED_WORDS = {400: "chat not found", 403: "bot was blocked by the user"}


def keep_parcel(world: World, parcel: Parcel) -> tuple[Message, dict[str, Any]]:
    """Make the message of an accepted call and the Message object that answers it; `sent` is its last status."""
    book, config = world.telegram, world.config
    message_id = next(book.message_ids)
    message = world.new_message(
        to=person_of(parcel.chat_id),
        sender=f"@{config.telegram_bot_username}",
        service=None,
        body=parcel.text,
        status="sent",
        direction="outbound-api",
    )
    message.sid, message.provider, message.sent_at = (
        f"{config.telegram_bot_id}:{message_id}",
        "telegram",
        message.created_at,
    )
    message.buttons, message.location, message.num_media = parcel.buttons, parcel.location, int(parcel.has_photo)
    message.parts, message.price = 1, 0.0
    world.remember(message)
    result = message_dict(message_id, parcel.chat_id, sender=bot_user(config), at=message.created_at)
    if parcel.location:
        result["location"] = location_dict(parcel.location)
    elif parcel.has_photo:
        result["photo"] = [_PHOTO]
        result.update({"caption": parcel.text} if parcel.text else {})
    else:
        result["text"] = parcel.text
    if parcel.markup:
        result["reply_markup"] = parcel.markup
    return message, result
