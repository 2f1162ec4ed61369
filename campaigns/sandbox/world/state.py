"""The sandbox remembers messages, calls and blocked people, and the clock that they live on."""

import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox.world.content_templates import ContentStore
from campaigns.sandbox.world.file_store import FileStore
from campaigns.sandbox.world.fixture import Fixture, MessagingService, Sender, channel_of, longest_match
from campaigns.sandbox.world.profile import Profile
from campaigns.sandbox.world.segments import count_segments
from campaigns.sandbox.world.sender_pace import AccountBucket, SenderQueue
from campaigns.sandbox.world.telegram_book import TelegramBook
from campaigns.sandbox.world.timeline import Timeline
from campaigns.sandbox.world.whatsapp_rules import WhatsApp

#: How many messages beyond the limit gather before the oldest are forgotten in one go.
_FORGET = 10_000
_SHARED_BODIES = 20_000


Provider = Literal["twilio", "telegram", "africastalking"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place that somebody shares: degrees (WGS 84) and, if it has one, its name."""

    latitude: float
    longitude: float
    label: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """Something under a message to press: what it says and, unless that is all, what the application hears."""

    label: str
    payload: str = ""
    #: Pressing it shares where the person is.
    asks_place: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """One message resource; times are seconds since the epoch on the sandbox's clock."""

    seq: int
    sid: str
    to: str
    sender: str | None
    service: str | None
    body: str
    status: str
    direction: str
    created_at: float
    updated_at: float
    #: The `m` of the StatusCallback: whose message this is in the application's books.
    intent: str = ""
    callback_url: str = ""
    validity_s: float = 36_000.0
    sent_at: float | None = None
    send_at: float | None = None
    parts: int = 0
    price: float | None = None
    code: int = 0
    num_media: int = 0
    is_redacted: bool = False
    is_deleted: bool = False
    provider: Provider = "twilio"
    location: Location | None = None
    buttons: tuple[Button, ...] = ()
    #: The Twilio account it belongs to.
    account: str = ""
    #: The Content resource it was made from.
    content_sid: str = ""
    #: Further fields of an inbound message, as they were posted (`ProfileName`, `ButtonPayload` …).
    details: Mapping[str, str] | None = None

    @property
    def is_inbound(self) -> bool:
        """Tell whether a person wrote it."""
        return self.direction == "inbound"

    @property
    def person(self) -> str:
        """Return the number of the person at the other end."""
        return (self.sender or "") if self.is_inbound else self.to

    @property
    def channel(self) -> str:
        """Return the channel it goes over: what stands before the colon of the person's address, or `sms`."""
        return channel_of(self.person)

    @property
    def is_whatsapp(self) -> bool:
        """Tell whether it is on its way to a WhatsApp person."""
        return self.to.startswith("whatsapp:")

    @property
    def billed_parts(self) -> int:
        """Return the parts that count for pace and price; only SMS is cut into parts."""
        return 1 if ":" in self.to else count_segments(self.body)


@dataclass(frozen=True, slots=True)
class Alert:
    """An entry of the debugger log: a webhook that could not be delivered or read."""

    at: float
    code: int
    sid: str
    detail: str


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came in, for assertions about the wire."""

    at: float
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str


class World:
    """All state of one sandbox."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        #: Where the sandbox answers; known once it does.
        self.origin = f"http://{config.host}:{config.port}"
        self.timeline = Timeline()
        self.reset(config.seed)

    def reset(self, seed: str) -> None:
        """Forget everything and return to the configured fixture and the real clock."""
        self.seed = seed
        self.timeline.clear()
        self.log: list[Message] = []
        self.by_sid: dict[str, Message] = {}
        self.by_person: dict[str, list[Message]] = {}
        #: Messages by status, including those no longer kept.
        self.totals: Counter[str] = Counter()
        #: USD of everything sent.
        self.cost = 0.0
        self.blocked: set[tuple[str, str]] = set()
        self.whatsapp = WhatsApp()
        self.contents = ContentStore(self.config.account_sid)
        self.files = FileStore()
        self.telegram = TelegramBook()
        self.alerts: deque[Alert] = deque(maxlen=1_000)
        self._seq = count(1)
        self._calls: dict[str, int] = {}
        self._bodies: dict[str, str] = {}
        self.set_fixture(self.config.fixture)

    def set_fixture(self, fixture: Fixture) -> None:
        """Replace the fixture; sender queues start empty."""
        self.fixture = fixture
        self.senders = {
            sender.address: SenderQueue(sender, sender.pace if sender.pace is not None else fixture.pace)
            for sender in fixture.senders
        }
        self.services: dict[str, MessagingService] = {}
        self._pools: dict[str, dict[str, list[SenderQueue]]] = {}
        for service in fixture.services:
            self.add_service(service)
        self.opted_out = frozenset(fixture.opted_out)
        accounts = (self.config.account_sid, self.config.test_account_sid, *self.config.accounts)
        self.buckets = {account: AccountBucket(fixture.account_rate) for account in accounts}
        self.whatsapp.load(fixture, self.timeline.now())
        self.contents.load(fixture, self.timeline.now())
        self.requests: deque[RawRequest] = deque(maxlen=fixture.keep_requests)

    def adopt_sender(self, address: str) -> SenderQueue | None:
        """Take up a sender that only the account of a rehearsing application has; None outside a rehearsal."""
        if not self.fixture.rehearsal or not address:
            return None
        return self.senders.setdefault(address, SenderQueue(Sender(address), self.fixture.pace))

    def adopt_service(self, sid: str) -> MessagingService | None:
        """Take up a Messaging Service likewise; the sandbox's own senders stand in for its pool."""
        if not self.fixture.rehearsal:
            return None
        self.add_service(MessagingService(sid, "Rehearsed service"))
        return self.services[sid]

    def add_service(self, service: MessagingService) -> None:
        """Take up a Messaging Service with the senders of its pool."""
        self.services[service.sid] = service
        pool = self._pools[service.sid] = {}
        for queue in filter(None, map(self.senders.get, service.pool)):
            pool.setdefault(queue.sender.channel, []).append(queue)

    def profile_for(self, to: str) -> Profile:
        """Return the statistical profile that holds for a number."""
        if not self.fixture.profiles:
            return self.fixture.profile
        return longest_match(self.fixture.profiles, to) or self.fixture.profile

    def pool_for(self, service: str, to: str) -> list[SenderQueue]:
        """Return the senders of a Messaging Service that can reach an address."""
        pool = self._pools[service].get(channel_of(to), ())
        return [queue for queue in pool if not to.startswith(queue.sender.not_for)]

    def whatsapp_error(self, message: Message) -> int:
        """Return the code with which WhatsApp refuses a message now, 0 when it takes it."""
        now = self.timeline.now()
        status = self.contents.status_of(message.content_sid, now) if message.content_sid else ""
        return self.whatsapp.error_of(message.to, message.sender or "", now=now, template_status=status)

    def is_in_window(self, message: Message) -> bool:
        """Tell whether the WhatsApp window of a message's person is open."""
        return self.whatsapp.is_open(message.to, message.sender or "", self.timeline.now())

    def price_for(self, to: str, parts: int) -> float:
        """Return the price of a message in USD."""
        return (longest_match(self.fixture.prices, to) or 0.0) * parts

    def count_call(self, to: str, intent: str) -> int:
        """Count a create call about one person and intent; 1 is the first."""
        key = f"{to}:{intent}"
        nth = self._calls.get(key, 0) + 1
        self._calls[key] = nth
        return nth

    def is_blocked(self, person: str, scope: str) -> bool:
        """Tell whether a person has opted out at Twilio of a sender or service."""
        return person in self.opted_out or (person, scope) in self.blocked

    def new_message(
        self, *, to: str, sender: str | None, service: str | None, body: str, status: str, direction: str
    ) -> Message:
        """Make a message resource without remembering it."""
        now = self.timeline.now()
        return Message(
            seq=next(self._seq),
            sid=f"SM{os.urandom(16).hex()}",
            to=to,
            sender=sender,
            service=service,
            body=self._shared(body),
            status=status,
            direction=direction,
            created_at=now,
            updated_at=now,
        )

    def remember(self, message: Message) -> None:
        """Keep a message, and forget the oldest beyond the limit."""
        self.log.append(message)
        self.by_sid[message.sid] = message
        self.by_person.setdefault(message.person, []).append(message)
        self.totals[message.status] += 1
        if len(self.log) >= self.config.keep_messages + _FORGET:
            self._forget_oldest()

    def move(self, message: Message, status: str, code: int = 0) -> None:
        """Give a message its next status."""
        self.totals[message.status] -= 1
        self.totals[status] += 1
        message.status, message.code = status, code
        message.updated_at = self.timeline.now()

    def alert(self, code: int, sid: str, detail: str) -> None:
        """Add an entry to the debugger log."""
        self.alerts.append(Alert(self.timeline.now(), code, sid, detail))

    def _shared(self, body: str) -> str:
        """Return one object for equal texts: a campaign sends the same words to very many people."""
        if len(self._bodies) > _SHARED_BODIES:
            self._bodies.clear()
        return self._bodies.setdefault(body, body)

    def _forget_oldest(self) -> None:
        for message in self.log[:_FORGET]:
            self.by_sid.pop(message.sid, None)
            mine = self.by_person.get(message.person, [])
            if message in mine:
                mine.remove(message)
            if not mine:
                self.by_person.pop(message.person, None)
        del self.log[:_FORGET]
