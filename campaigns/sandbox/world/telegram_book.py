"""The sandbox's Telegram remembers chats, limits, waiting updates, the webhook and who pressed what."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from campaigns.sandbox.world.fixture import ChatState, Fixture

#: The first ids; they only ever grow.
_FIRST_UPDATE = 710_000_001
_FIRST_MESSAGE = 101
#: Chats whose limits are remembered before those long at rest are dropped.
_REMEMBERED = 20_000
#: Messages that may go to one chat at once, after a rest.
_BURST = 3.0


@dataclass(slots=True)
class Bucket:
    """A token bucket on the sandbox's clock: `rate` a second, at most `burst` at once."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait_s(self, now: float) -> float:
        """Return the seconds until a token is there; 0 when one is."""
        self.tokens = min(self.burst, self.tokens + max(now - self.filled_at, 0.0) * self.rate)
        self.filled_at = now
        # A rounding error must not cost a whole second.
        return max(0.0, (1 - self.tokens) / self.rate) if self.tokens < 1 - 1e-6 else 0.0

    def is_full(self, now: float) -> bool:
        """Tell whether it has long been at rest."""
        return self.tokens + max(now - self.filled_at, 0.0) * self.rate >= self.burst


class FloodGate:
    """Telegram's limits: 30 messages a second in all, one to a chat save short bursts, 20 a minute to a group."""

    def __init__(self) -> None:
        self._bot = Bucket(30.0, 30.0)
        self._chats: dict[int, Bucket] = {}

    def retry_after(self, chat_id: int, now: float) -> int:
        """Take a place for one message, or return the whole seconds after which to try again."""
        if len(self._chats) > _REMEMBERED:
            self._chats = {key: one for key, one in self._chats.items() if not one.is_full(now)}
        chat = self._chats.get(chat_id)
        if chat is None:
            chat = self._chats[chat_id] = Bucket(1.0, _BURST) if chat_id > 0 else Bucket(20 / 60, 20.0)
        wait = max(self._bot.wait_s(now), chat.wait_s(now))
        if wait > 0:
            return math.ceil(wait)
        self._bot.tokens -= 1
        chat.tokens -= 1
        return 0


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where updates are posted, as `setWebhook` said."""

    url: str = ""
    secret: str = ""
    max_connections: int = 40
    allowed: tuple[str, ...] = ()


@dataclass(slots=True)
class TelegramBook:
    """All that one bot knows; a reset of the sandbox opens a new one."""

    webhook: WebhookSettings = WebhookSettings()
    gate: FloodGate = field(default_factory=FloodGate)
    #: Updates not yet taken, by update_id.
    pending: dict[int, dict[str, Any]] = field(default_factory=dict)
    last_error_at: float = 0.0
    last_error: str = ""
    commands: list[Any] = field(default_factory=list)
    #: Callback queries that can still be answered.
    queries: set[str] = field(default_factory=set)
    #: What people did to their chat with the bot, by chat id.
    acts: dict[int, ChatState] = field(default_factory=dict)
    #: The counters behind update_id and message_id.
    update_ids: Iterator[int] = field(default_factory=lambda: count(_FIRST_UPDATE))
    message_ids: Iterator[int] = field(default_factory=lambda: count(_FIRST_MESSAGE))

    def state_of(self, chat_id: int, fixture: Fixture) -> ChatState:
        """Return what holds for a chat: an account that is gone, what its person did, or the fixture."""
        given = fixture.telegram_chats.get(str(chat_id))
        if given in ("deactivated", "not_found"):
            return given
        if chat_id in fixture.telegram_migrated.values():
            return "ok"
        known: ChatState = "ok" if fixture.telegram_all_known and chat_id > 0 else "not_found"
        return self.acts.get(chat_id) or given or known
