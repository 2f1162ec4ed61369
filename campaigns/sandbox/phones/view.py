"""The page of phones shows messages by person, with their channel, state, direction and language."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from campaigns.sandbox.phones.scripts import Direction, direction_of, language_of
from campaigns.sandbox.telegram.bot_objects import PREFIX, chat_id_of
from campaigns.sandbox.world.fixture import channel_of
from campaigns.sandbox.world.state import Button, Message, World

_WHATSAPP = "whatsapp:"
_CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}
#: What the sender of a message would learn of it.
_STATES = {
    "accepted": "on its way",
    "queued": "on its way",
    "sending": "on its way",
    "scheduled": "scheduled",
    "sent": "sent, no receipt yet",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "not delivered",
    "failed": "not sent",
    "canceled": "canceled",
}
_NO_RECEIPTS = "sent (Telegram gives no receipts)"
#: How far back the front page looks for conversations.
_LOOK_BACK = 5_000
_TONES = 6


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on a screen."""

    message: Message
    #: Set where a new day begins (UTC).
    day: str
    direction: Direction
    #: A language tag, empty when unknown.
    language: str
    channel: str
    #: The other end: who wrote it or, for an answer, to whom it went.
    other: str
    state: str
    #: Its buttons can be pressed now.
    buttons: tuple[Button, ...]

    @property
    def moment(self) -> str:
        """Return when it was made, for machines."""
        return _utc(self.message.created_at).isoformat(timespec="seconds")

    @property
    def clock(self) -> str:
        """Return when it was made, for people."""
        return f"{_utc(self.message.created_at):%H:%M}"


@dataclass(frozen=True, slots=True)
class Phone:
    """One person's screen, oldest message first."""

    #: The number, or the address of somebody without one.
    person: str
    #: The addresses at which the person can write, the latest used first.
    addresses: tuple[str, ...]
    bubbles: tuple[Bubble, ...]
    earlier: int
    #: The direction of the last thing that was said.
    direction: Direction
    #: What holds for a chat with the bot; empty elsewhere.
    chat_state: str

    @property
    def name(self) -> str:
        """Return what to call the person: the number, or the channel and the id there."""
        _, colon, id_ = self.person.partition(":")
        return f"{channel_name(self.person)} {id_}" if colon else self.person

    @property
    def mark(self) -> str:
        """Return the two characters of the round mark."""
        return self.person[-2:]

    @property
    def tone(self) -> int:
        """Return the colour of the round mark, always the same for a person."""
        return sum(self.person.encode()) % _TONES

    @property
    def is_telegram(self) -> bool:
        """Tell whether it is a chat with the bot."""
        return self.person.startswith(PREFIX)

    @property
    def can_write(self) -> bool:
        """Tell whether the person can write now."""
        return self.chat_state in ("", "ok")

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the addresses at which the person could write: whoever has a number may take up WhatsApp."""
        return tuple(dict.fromkeys((*self.addresses, *possible_addresses(self.person))))

    @property
    def place_address(self) -> str:
        """Return the address at which the person can share a place: an SMS carries none."""
        return next(address for address in self.choices if channel_of(address) != "sms")


def channel_name(address: str) -> str:
    """Return the channel of an address as people call it."""
    return _CHANNELS.get(channel_of(address), channel_of(address))


def person_of(address: str) -> str:
    """Return whose an address is: SMS and WhatsApp of one number are one person's."""
    number = address.removeprefix(_WHATSAPP)
    return number if number.startswith("+") else address


def latest_people(world: World, most: int) -> list[str]:
    """Return the people who were written to or wrote last."""
    recent = dict.fromkeys(person_of(one.person) for one in islice(reversed(world.log), _LOOK_BACK))
    return list(islice(recent, most))


def count_people(world: World) -> int:
    """Count everybody who was written to or wrote."""
    return len({person_of(address) for address in world.by_person})


def find_people(world: World, wanted: str, most: int) -> list[str]:
    """Return the people whom a typed number means: exactly, or those whose address contains it.

    An unescaped plus arrives as a blank, and a chat id may come without its prefix.
    """
    wanted = wanted.strip()
    for person in map(person_of, (wanted, f"+{wanted}", f"{PREFIX}{wanted}")):
        if any(world.by_person.get(address) for address in addresses_of(world, person)):
            return [person]
    digits = wanted.removeprefix(_WHATSAPP).removeprefix("+").replace(" ", "")
    found = dict.fromkeys(person_of(one) for one in world.by_person if digits and digits in one)
    return list(islice(found, most))


def new_person(wanted: str) -> str:
    """Return the address of somebody not seen yet, empty when the text can be none."""
    wanted = wanted.strip()
    if wanted.startswith(PREFIX) and chat_id_of(wanted) is not None:
        return wanted
    number = wanted if wanted.startswith(("+", _WHATSAPP)) else f"+{wanted}"
    digits = number.removeprefix(_WHATSAPP).removeprefix("+")
    return person_of(number) if digits.isdigit() and 7 <= len(digits) <= 15 else ""


def see_phone(world: World, person: str, most: int) -> Phone:
    """Return a person's phone with the latest `most` messages."""
    addresses = addresses_of(world, person)
    found = (one for address in addresses for one in world.by_person.get(address, ()))
    messages = sorted(found, key=lambda one: one.seq)
    shown = messages[-most:]
    spoken = next((one.body for one in reversed(shown) if one.body.strip()), "")
    chat_id = chat_id_of(person) if person.startswith(PREFIX) else None
    state = world.telegram.state_of(chat_id, world.fixture) if chat_id is not None else ""
    return Phone(
        person=person,
        addresses=addresses,
        bubbles=tuple(_bubbles(shown, can_press=state in ("", "ok"))),
        earlier=len(messages) - len(shown),
        direction=direction_of(spoken),
        chat_state=state,
    )


def possible_addresses(person: str) -> tuple[str, ...]:
    """Return every address that a person can have."""
    return (person, f"{_WHATSAPP}{person}") if person.startswith("+") else (person,)


def addresses_of(world: World, person: str) -> tuple[str, ...]:
    """Return the addresses of a person that were used, the latest first; one at least."""
    used = [address for address in possible_addresses(person) if world.by_person.get(address)]
    return tuple(sorted(used, key=lambda one: -world.by_person[one][-1].seq)) or (person,)


def _bubbles(messages: list[Message], *, can_press: bool) -> Iterator[Bubble]:
    """Yield the bubbles of a conversation; only the buttons of the last message sent can be pressed."""
    last_sent = next((one for one in reversed(messages) if not one.is_inbound), None)
    before = ""
    for message in messages:
        day = f"{_utc(message.created_at):%-d %B %Y}"
        yield Bubble(
            message=message,
            day="" if day == before else day,
            direction=direction_of(message.body),
            language=language_of(message.body),
            channel=channel_name(message.person),
            other=(message.to if message.is_inbound else message.sender or "").removeprefix(_WHATSAPP),
            state=_state_of(message),
            buttons=message.buttons if can_press and message is last_sent else (),
        )
        before = day


def _state_of(message: Message) -> str:
    """Say what became of a message; of an answer only that the application did not take it."""
    code = f" ({message.code})" if message.code else ""
    if message.is_inbound:
        return f"the application did not take it{code}" if code else ""
    if message.channel == "telegram" and message.status == "sent":
        return _NO_RECEIPTS
    return _STATES.get(message.status, message.status) + code


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
