"""Updates reach the bot by its webhook, which they are posted to until taken, or are kept for getUpdates."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from campaigns.sandbox.callbacks.webhooks import Answer, Webhook, Webhooks
from campaigns.sandbox.telegram.call_parameters import TelegramError
from campaigns.sandbox.world.state import World
from campaigns.sandbox.world.telegram_book import WebhookSettings

#: Sent only to who asks for them by name.
_BY_REQUEST = frozenset(("chat_member", "message_reaction", "message_reaction_count"))
#: Seconds until an update is posted again, doubled each time.
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0
#: An update that nobody takes is dropped after a day.
_KEPT_S = 86_400.0
_HAS_WEBHOOK = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
_TERMINATED = "terminated by other getUpdates request; make sure that only one bot instance is running"


class TelegramUpdates:
    """Numbers updates and hands each over once it is wanted."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks
        self._tasks: set[asyncio.Task[Answer | None]] = set()
        #: The getUpdates call that waits.
        self._waiting: asyncio.Future[bool] | None = None

    async def push(self, kind: str, content: dict[str, Any]) -> tuple[int, Answer | None]:
        """Hand over a new update; return its id and how a first call of the webhook ended, None without one."""
        book = self._world.telegram
        update_id = next(book.update_ids)
        if not _is_wanted(kind, book.webhook.allowed):
            return update_id, None
        book.pending[update_id] = {"update_id": update_id, kind: content}
        if book.webhook.url:
            return update_id, await self._post(update_id, 1)
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(True)
        return update_id, None

    def post_pending(self) -> None:
        """Post everything that waits: a webhook has just been set."""
        for update_id in list(self._world.telegram.pending):
            self._start(update_id, 1)

    async def poll(
        self, *, offset: int, limit: int, timeout_s: float, allowed: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Return the updates from `offset` on, waiting for one up to `timeout_s` real seconds.

        Those before `offset` count as taken; a negative one counts from the end. Raises TelegramError (409)
        beside a webhook and when another call takes over.
        """
        if self._world.telegram.webhook.url:
            raise TelegramError(409, _HAS_WEBHOOK)
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(False)
        self._world.telegram.webhook = WebhookSettings(allowed=allowed)
        self._forget_before(offset)
        if not self._world.telegram.pending and timeout_s > 0:
            await self._wait(timeout_s)
        return list(self._world.telegram.pending.values())[:limit]

    async def close(self) -> None:
        """Stop posting."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget_before(self, offset: int) -> None:
        pending = self._world.telegram.pending
        first = sorted(pending)[offset:][0] if offset < 0 and pending else offset
        for update_id in [one for one in pending if one < first]:
            del pending[update_id]

    async def _wait(self, timeout_s: float) -> None:
        mine = self._waiting = asyncio.get_running_loop().create_future()
        try:
            is_mine = await asyncio.wait_for(mine, timeout_s)
        except TimeoutError:
            return
        if not is_mine:
            raise TelegramError(409, _TERMINATED)

    def _start(self, update_id: int, nth: int) -> None:
        task = asyncio.create_task(self._post(update_id, nth))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, update_id: int, nth: int) -> Answer | None:
        """Post an update that is still pending; put a failed one on the agenda again."""
        book = self._world.telegram
        update, webhook = book.pending.get(update_id), book.webhook
        if update is None or not webhook.url:
            return None
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if webhook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret
        body = json.dumps(update, ensure_ascii=False).encode()
        sid = f"update {update_id}"
        answer = await self._webhooks.deliver(Webhook(webhook.url, [], sid, headers=headers, body=body))
        if answer.is_success:
            book.pending.pop(update_id, None)
            return answer
        self._note_failure(answer, sid)
        delay = min(_FIRST_RETRY_S * 2 ** (nth - 1), _LONGEST_RETRY_S)
        if nth * _LONGEST_RETRY_S < _KEPT_S:
            self._world.timeline.after(delay, self._start, update_id, nth + 1)
        return answer

    def _note_failure(self, answer: Answer, sid: str) -> None:
        book = self._world.telegram
        book.last_error_at = self._world.timeline.now()
        what = f"Wrong response from the webhook: {answer.status}" if answer.status else "Connection failed"
        book.last_error = what
        self._world.alert(answer.alert_code, sid, f"{book.webhook.url}: {answer.status or answer.cause}")


def _is_wanted(kind: str, allowed: Sequence[str]) -> bool:
    return kind in allowed if allowed else kind not in _BY_REQUEST
