"""People act in their chat with the bot: they press, write, share a place, block it and come back."""

from dataclasses import dataclass
from typing import Any

from campaigns.sandbox.callbacks.webhooks import Answer
from campaigns.sandbox.telegram.bot_objects import (
    bot_user,
    chat_id_of,
    file_dict,
    location_dict,
    membership,
    message_dict,
    person_of,
    person_user,
)
from campaigns.sandbox.telegram.update_queue import TelegramUpdates
from campaigns.sandbox.world.file_store import GivenFile, read_base64
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.state import Location, Message, World


@dataclass(frozen=True, slots=True)
class TelegramAct:
    """What one person does; the first of block, unblock, start, button, location and text that is given counts."""

    #: The chat id, alone or as `telegram:<id>`.
    sender: int | str = ""
    text: str = ""
    location: Location | None = None
    #: The data of an inline button.
    button_payload: str = ""
    #: One file; the text is its caption.
    media: tuple[GivenFile, ...] = ()
    #: The payload of the link that was followed, empty without one; None when Start is not pressed.
    start: str | None = None
    block: bool = False
    unblock: bool = False
    #: What the person means by it, for the oracle.
    opt_out: bool = False
    opt_in: bool = False


class TelegramPeople:
    """Turns what people do into updates for the bot."""

    def __init__(self, world: World, updates: TelegramUpdates, oracle: Oracle) -> None:
        self._world = world
        self._updates = updates
        self._oracle = oracle

    async def act(self, act: TelegramAct) -> dict[str, Any]:
        """Let a person act and tell the bot; return what happened. Raises SandboxError when it is impossible."""
        chat_id = chat_id_of(str(act.sender))
        if chat_id is None:
            raise SandboxError("inbound.from: a Telegram chat id is missing.")
        self._note_meaning(chat_id, act)
        if act.block or act.unblock:
            return await self._member(chat_id, is_blocked=act.block)
        self._demand_account(chat_id)
        state = self._world.telegram.state_of(chat_id, self._world.fixture)
        if act.start is not None and state == "blocked":
            await self._member(chat_id, is_blocked=False)
        elif state == "blocked":
            raise SandboxError("This person has blocked the bot; unblock or start it first.")
        self._world.telegram.acts[chat_id] = "ok"
        if act.button_payload:
            return await self._press(chat_id, act.button_payload)
        return await self._write(chat_id, act)

    def _note_meaning(self, chat_id: int, act: TelegramAct) -> None:
        """Tell the oracle: a block is a stop, and so is what the caller says is one; Start ends it."""
        person = person_of(chat_id)
        if act.block or act.opt_out:
            self._oracle.said_stop(person, self._world.timeline.now())
        if act.opt_in or act.start is not None:
            self._oracle.said_start(person)

    def _demand_account(self, chat_id: int) -> None:
        if self._world.fixture.telegram_chats.get(str(chat_id)) == "deactivated":
            raise SandboxError("This person's account is deactivated.")

    async def _member(self, chat_id: int, *, is_blocked: bool) -> dict[str, Any]:
        self._demand_account(chat_id)
        self._world.telegram.acts[chat_id] = "blocked" if is_blocked else "ok"
        now = self._world.timeline.now()
        content = membership(self._world.config, chat_id, at=now, is_blocked=is_blocked)
        return self._report("", *await self._updates.push("my_chat_member", content))

    async def _write(self, chat_id: int, act: TelegramAct) -> dict[str, Any]:
        text = act.text if act.start is None else f"/start {act.start}".strip()
        if not text and not act.location and not act.media:
            raise SandboxError("inbound: a text, a location, a file, a button or an act is missing.")
        message_id = next(self._world.telegram.message_ids)
        message = self._remember(chat_id, message_id, text)
        content = message_dict(message_id, chat_id, sender=person_user(chat_id), at=message.created_at)
        if act.location and act.start is None:
            message.location = act.location
            content["location"] = location_dict(act.location)
        elif act.media and act.start is None:
            message.num_media = 1
            content |= self._file_part(message, act.media[0]) | ({"caption": text} if text else {})
        else:
            content["text"] = text
            if text.startswith("/"):
                length = len(text.split(maxsplit=1)[0])
                content["entities"] = [{"offset": 0, "length": length, "type": "bot_command"}]
        return self._report(message.sid, *await self._updates.push("message", content), message)

    def _file_part(self, message: Message, given: GivenFile) -> dict[str, Any]:
        """Keep a file; return the part of a message that it is."""
        content = read_base64(given.content, "inbound.media[0].content")
        file = self._world.files.keep(message.sid, given.content_type, content, at=message.created_at)
        return file_dict(file, given)

    async def _press(self, chat_id: int, payload: str) -> dict[str, Any]:
        """Press an inline button of the latest message that has it."""
        book, config = self._world.telegram, self._world.config
        pressed = next(
            (one for one in self._sent_to(chat_id) if any(payload == b.payload for b in one.buttons)), None
        )
        if pressed is None:
            raise SandboxError(f"No message to this person has a button {payload!r}.")
        label = next(button.label for button in pressed.buttons if button.payload == payload)
        kept = self._remember(chat_id, next(book.message_ids), label)
        message_id = int(pressed.sid.rpartition(":")[2])
        carrier = message_dict(message_id, chat_id, sender=bot_user(config), at=pressed.created_at)
        query_id = str(chat_id * 1_000_000 + kept.seq)
        book.queries.add(query_id)
        content = {
            "id": query_id,
            "from": person_user(chat_id),
            "message": {**carrier, "text": pressed.body},
            "chat_instance": str(chat_id),
            "data": payload,
        }
        return self._report(kept.sid, *await self._updates.push("callback_query", content), kept)

    def _sent_to(self, chat_id: int) -> list[Message]:
        """Return what the bot sent to a chat, newest first."""
        messages = self._world.by_person.get(person_of(chat_id), [])
        return [one for one in reversed(messages) if not one.is_inbound]

    def _remember(self, chat_id: int, message_id: int, text: str) -> Message:
        message = self._world.new_message(
            to=f"@{self._world.config.telegram_bot_username}",
            sender=person_of(chat_id),
            service=None,
            body=text,
            status="received",
            direction="inbound",
        )
        message.sid = f"{self._world.config.telegram_bot_id}:{message_id}"
        message.provider, message.parts = "telegram", 1
        message.sent_at = message.created_at
        self._world.remember(message)
        return message

    def _report(
        self, sid: str, update_id: int, answer: Answer | None, message: Message | None = None
    ) -> dict[str, Any]:
        """Return what the control API says; a message that the bot did not take at once is marked."""
        if answer is not None and message is not None and not answer.is_success:
            message.code = answer.alert_code
        return {
            "sid": sid,
            "to": f"@{self._world.config.telegram_bot_username}",
            "update_id": update_id,
            "http_status": answer.status if answer else None,
            "cause": answer.cause if answer else "kept for getUpdates",
            "replies": [],
        }
