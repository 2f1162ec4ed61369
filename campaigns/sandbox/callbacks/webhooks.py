"""This client calls the application by Twilio's retry rules, signed, with bounded connections and backlog."""

import asyncio
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from campaigns.sandbox.callbacks.signing import Form, sign
from campaigns.sandbox.callbacks.webhook_targets import Target, read_target
from campaigns.sandbox.world.config import SandboxConfig

_READ_LIMIT = 65_536
_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "User-Agent": "TwilioProxy/1.1",
    "Accept": "*/*",
}
#: The headers of a provider that signs nothing.
PLAIN_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Accept": "*/*"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One POST that is to reach the application."""

    url: str
    form: Form
    sid: str
    is_badly_signed: bool = False
    #: Headers and body of another provider's call; without headers it is Twilio's, signed.
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    #: The Twilio account whose token signs it; empty is the first.
    account: str = ""


def signed_headers(webhook: Webhook, url: str, token: str) -> dict[str, str]:
    """Return the headers of a call of Twilio's to `url`, which has no fragment any more."""
    if webhook.is_badly_signed:
        token = f"not-{token}"
    return {
        **_HEADERS,
        "X-Twilio-Signature": sign(token, url, webhook.form),
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
    }


def encoded(webhook: Webhook) -> bytes:
    """Return the body of a call: another provider's own, or the form."""
    return urlencode(webhook.form).encode() if webhook.body is None else webhook.body


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended: an HTTP status, or 0 and the cause (`ct` connect, `rt` read, `refused`, `broken`)."""

    status: int
    content_type: str = ""
    body: str = ""
    cause: str = ""

    @property
    def is_success(self) -> bool:
        """Tell whether the application took it."""
        return 200 <= self.status < 300

    @property
    def alert_code(self) -> int:
        """Return the debugger code of a failure: no connection, or an answer that is none."""
        return 11200 if self.status else 11205


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, for `/_sandbox/callbacks`; `at` is real time, `nth` counts from 1."""

    at: float
    sid: str
    status: str
    url: str
    nth: int
    http_status: int
    cause: str
    seconds: float


@dataclass(slots=True)
class Told:
    """What became of the webhooks since the sandbox was last made to forget."""

    attempts: deque[Attempt]
    counts: Counter[str] = field(default_factory=Counter)


class Webhooks:
    """A queue of webhooks and the workers that empty it."""

    def __init__(self, config: SandboxConfig, alert: Callable[[int, str, str], None]) -> None:
        self._tokens = {"": config.auth_token, config.account_sid: config.auth_token, **config.accounts}
        self._settings = config.callbacks
        self._alert = alert
        self._queue: asyncio.Queue[Webhook] = asyncio.Queue()
        self._session: aiohttp.ClientSession | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._busy = 0
        self.forget()

    def forget(self) -> None:
        """Drop what waits and start the counts anew; what is on its way is counted among what was forgotten."""
        self.drop_waiting()
        self._told = Told(deque(maxlen=self._settings.remember))

    @property
    def counts(self) -> Counter[str]:
        """Return how many webhooks came to each end, and how many attempts there were."""
        return self._told.counts

    @property
    def attempts(self) -> deque[Attempt]:
        """Return the last attempts, the oldest first."""
        return self._told.attempts

    def drop_waiting(self) -> None:
        """Drop the webhooks that no worker has taken yet."""
        while not self._queue.empty():
            self._queue.get_nowait()

    @property
    def pending(self) -> int:
        """Return how many webhooks wait or are on their way."""
        return self._queue.qsize() + self._busy

    @property
    def is_full(self) -> bool:
        """Tell whether new stages of messages should wait."""
        return self._queue.qsize() >= self._settings.backlog

    async def open(self) -> None:
        """Start the workers."""
        connector = aiohttp.TCPConnector(limit=self._settings.connections)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._settings.connections)]

    async def close(self) -> None:
        """Stop the workers, leaving what still waits undelivered."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session:
            await self._session.close()

    def put(self, webhook: Webhook) -> None:
        """Queue a webhook."""
        self.counts["webhooks"] += 1
        self._queue.put_nowait(webhook)

    async def deliver(self, webhook: Webhook) -> Answer:
        """Call the application now, retrying as the URL's fragment says, and return the last answer."""
        target, told = read_target(webhook.url, self._settings.allowed_hosts), self._told
        if not target.is_allowed:
            _note(told, webhook, Answer(0, cause="refused"), nth=1, began=time.time())
            return Answer(0, cause="refused")
        headers = webhook.headers
        if headers is None:
            headers = signed_headers(webhook, target.url, self._tokens[webhook.account])
        data = encoded(webhook)
        for nth in range(1, target.retries + 2):
            began = time.time()
            answer = await self._attempt(target, data, headers)
            _note(told, webhook, answer, nth=nth, began=began)
            if not _is_retried(answer, target):
                break
            await asyncio.sleep(0.1 * nth)
        return answer

    async def _work(self) -> None:
        while True:
            webhook, told = await self._queue.get(), self._told
            self._busy += 1
            try:
                answer = await self.deliver(webhook)
            finally:
                self._busy -= 1
            told.counts["delivered" if answer.is_success else "undelivered"] += 1
            if not answer.is_success and told is self._told:
                self._alert(answer.alert_code, webhook.sid, f"{webhook.url}: {answer.status or answer.cause}")

    async def _attempt(self, target: Target, data: bytes, headers: Mapping[str, str]) -> Answer:
        if self._session is None:
            raise RuntimeError("Webhooks are closed.")
        timeout = _timeout(target.connect_s, target.read_s, target.total_s)
        url = URL(target.url, encoded=True)
        try:
            async with self._session.post(
                url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                text = (await response.content.read(_READ_LIMIT)).decode("utf-8", "replace")
                return Answer(response.status, response.content_type, text)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ServerDisconnectedError):
            return Answer(0, cause="ct")
        except TimeoutError:
            return Answer(0, cause="rt")
        except (aiohttp.ClientError, ValueError):
            return Answer(0, cause="broken")


def _note(told: Told, webhook: Webhook, answer: Answer, *, nth: int, began: float) -> None:
    told.counts["attempts"] += 1
    form = dict(webhook.form)
    status = form.get("MessageStatus") or form.get("SmsStatus", "")
    seconds = time.time() - began
    told.attempts.append(
        Attempt(began, webhook.sid, status, webhook.url, nth, answer.status, answer.cause, seconds)
    )


@lru_cache(maxsize=64)
def _timeout(connect_s: float, read_s: float, total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s, sock_read=read_s)


def _is_retried(answer: Answer, target: Target) -> bool:
    """Tell whether a failed attempt has a cause that the target wants retried."""
    return (answer.cause or f"{answer.status // 100}xx") in target.causes
