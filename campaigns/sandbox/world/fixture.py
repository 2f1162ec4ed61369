"""One sandbox account's world has senders, Messaging Services, countries, blocked people, prices and chance."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from campaigns.sandbox.world.profile import CALM, Profile

T = TypeVar("T")

#: Letters of a beginning of number that are looked at, without and with a channel before it.
_LONGEST_KEY, _LONGEST_CHANNEL_KEY = 12, 24

ChatState = Literal["ok", "blocked", "deactivated", "not_found"]

DEFAULT_SERVICE_SID = "MG" + "5b" * 16

#: USD a part by beginning of number; the two anchors are published prices, the rest an order of magnitude.
#: WhatsApp costs once a message, and only for a template outside the window.
DEFAULT_PRICES = {"": 0.08, "+1": 0.0083, "+380": 0.1747, "whatsapp:": 0.05}


@dataclass(frozen=True, slots=True)
class Sender:
    """A number, short code or name that messages come from."""

    address: str
    #: Parts per second; None takes the fixture's pace.
    pace: float | None = None
    #: Beginnings of numbers it cannot reach.
    not_for: tuple[str, ...] = ()
    #: The account it belongs to; empty lends it to all.
    account: str = ""

    @property
    def is_two_way(self) -> bool:
        """Tell whether people can answer it; a name has no number to answer to."""
        return bool(re.fullmatch(r"(whatsapp:)?\+?\d+", self.address))

    @property
    def channel(self) -> str:
        """Return the channel it sends on."""
        return channel_of(self.address)


@dataclass(frozen=True, slots=True)
class MessagingService:
    """A pool of senders under one MG sid."""

    sid: str = DEFAULT_SERVICE_SID
    name: str = "Sandbox service"
    pool: tuple[str, ...] = ("+447700900100", "+447700900101", "whatsapp:+447700900100")
    #: Where inbound messages to the pool are posted; empty takes the fixture's.
    inbound_url: str = ""
    #: Where status callbacks go when a message names no place of its own; empty asks for none.
    status_callback: str = ""
    #: The account it belongs to; empty lends it to all.
    account: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A Content resource that exists from the start, by default approved for WhatsApp."""

    name: str
    body: str = ""
    language: str = "en"
    category: str = "UTILITY"
    #: Content types as the Content API takes them; empty makes a `twilio/text` of the body.
    types: Mapping[str, Any] = field(default_factory=dict)
    #: What stands for a variable that a message does not fill.
    variables: Mapping[str, str] = field(default_factory=dict)
    status: Literal["unsubmitted", "received", "pending", "approved", "rejected", "paused", "disabled"] = (
        "approved"
    )
    rejection_reason: str = ""
    #: Empty derives one from account, name and language.
    sid: str = ""
    #: Empty is the first account.
    account: str = ""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours (`HH:MM`, may span midnight) in which messages to a country count as ill-timed."""

    start: str
    end: str
    zone: str


@dataclass(frozen=True, slots=True)
class Fixture:
    """The part of the set-up that `POST /_sandbox/fixture` may change; every value is replaced as a whole."""

    senders: tuple[Sender, ...] = (
        Sender("+447700900100"),
        Sender("+447700900101"),
        Sender("FINGERPOST"),
        Sender("whatsapp:+447700900100"),
    )
    services: tuple[MessagingService, ...] = (MessagingService(),)
    #: Parts per second of every sender without its own pace; None is unlimited.
    pace: float | None = None
    #: Seconds of sending that may wait at one sender before 21611 / 30001.
    queue_s: float = 36_000.0
    #: Create calls per second before 20429; None is unlimited.
    account_rate: float | None = None
    #: Beginnings of numbers that may be written to (21408 otherwise); None allows all.
    countries: tuple[str, ...] | None = None
    #: Beginnings of numbers that are landlines (21614).
    landlines: tuple[str, ...] = ()
    #: What Lookup says of a number by its beginning (`mobile`, `landline`, `nonFixedVoip` …).
    line_types: Mapping[str, str] = field(default_factory=dict)
    #: Whole numbers that have opted out of every sender at Twilio (21610).
    opted_out: tuple[str, ...] = ()
    #: Content resources that exist from the start.
    templates: tuple[Template, ...] = ()
    #: Seconds on this clock from the submission of a template to its approval or rejection.
    approval_s: float = 30.0
    #: Names of templates that will be rejected, with the reason.
    rejections: Mapping[str, str] = field(default_factory=dict)
    #: Seconds that the window of a WhatsApp person is open from now on, to every sender.
    whatsapp_windows: Mapping[str, float] = field(default_factory=dict)
    #: Whether an application rehearses here whose accounts are elsewhere: senders and services it names are taken
    #: as they are, and WhatsApp lets free text through, because its templates are known there only.
    rehearsal: bool = False
    #: People who may get a template first within 24 hours (63018 beyond it); None is unlimited.
    whatsapp_tier: int | None = None
    #: The word that WhatsApp people must send as `join <word>` (63015 otherwise); empty asks for none.
    whatsapp_join: str = ""
    #: WhatsApp addresses behind which there is nobody (63024).
    not_on_whatsapp: tuple[str, ...] = ()
    #: Price of a part in USD by beginning of number, longest match first; "" is the price of the rest.
    prices: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_PRICES))
    profile: Profile = CALM
    #: Profiles for single countries, by beginning of number.
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    #: Whether suffix numbers such as `…0030003` act.
    suffixes: bool = True
    #: How long the answer to `…0099997` is held back, in real seconds.
    late_s: float = 30.0
    #: Where inbound messages are posted; empty posts none.
    inbound_url: str = ""
    #: Whether Twilio's own stop words block and answer; off, because the application must do it itself.
    advanced_opt_out: bool = False
    #: Whether Telegram's limits act: 30 messages a second in all, one a second (groups: 20 a minute) to a chat.
    telegram_limits: bool = True
    #: Take webhooks over https only, as Telegram does; an application on this machine seldom has a certificate.
    telegram_https_only: bool = False
    #: Whether every private chat counts as started; otherwise a bot can write only to who pressed Start.
    telegram_all_known: bool = False
    #: What became of single chats, by chat id; "ok" is a chat that has pressed Start.
    telegram_chats: Mapping[str, ChatState] = field(default_factory=dict)
    #: Groups that became supergroups: old chat id to new one.
    telegram_migrated: Mapping[str, int] = field(default_factory=dict)
    #: The number or name that Africa's Talking sends from, and people write to, when a call names none.
    africastalking_sender: str = "22384"
    #: What Africa's Talking lets a call name as `from`; empty lets any.
    africastalking_senders: tuple[str, ...] = ()
    #: Africa's Talking statusCode (403, 405, 406, 407, …) by beginning of number.
    africastalking_refused: Mapping[str, int] = field(default_factory=dict)
    #: Where Africa's Talking posts delivery reports and inbound messages; empty posts none.
    africastalking_delivery_url: str = ""
    africastalking_inbound_url: str = ""
    #: USD; the invariants tell when the total cost exceeds it.
    budget: float | None = None
    #: By beginning of number; only the invariants look at them.
    quiet_hours: Mapping[str, QuietHours] = field(default_factory=dict)
    #: Raw requests remembered for `/_sandbox/requests`; 0 keeps none.
    keep_requests: int = 0


def channel_of(address: str) -> str:
    """Return the channel of an address: what stands before its colon, `sms` for a bare number or name."""
    return address.partition(":")[0] if ":" in address else "sms"


def longest_match(table: Mapping[str, T], to: str) -> T | None:
    """Return the value under the longest key that `to` begins with, or None."""
    longest = _LONGEST_CHANNEL_KEY if ":" in to else _LONGEST_KEY
    for length in range(min(len(to), longest), -1, -1):
        if to[:length] in table:
            return table[to[:length]]
    return None
