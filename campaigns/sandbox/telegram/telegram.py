"""Telegram's Bot API answers at `/bot<token>/<method>`, as far as a bot that writes and listens needs it."""

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from campaigns.sandbox.callbacks.webhook_targets import read_target
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.failing import fail
from campaigns.sandbox.faults.faults import plan_elsewhere
from campaigns.sandbox.telegram.bot_objects import bot_user, person_of
from campaigns.sandbox.telegram.call_parameters import Parameters, TelegramError, read_parameters
from campaigns.sandbox.telegram.chat_methods import ChatMethods, Method
from campaigns.sandbox.telegram.sending import (
    demand_place,
    demand_reachable,
    keep_parcel,
    read_chat_id,
    read_parcel,
)
from campaigns.sandbox.telegram.update_queue import TelegramUpdates
from campaigns.sandbox.world.chance import dice
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.state import World
from campaigns.sandbox.world.telegram_book import WebhookSettings

_TOKEN = re.compile(r"\d+:\S+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_LONGEST_POLL_S = 50
#: Bots download no larger files.
_LARGEST_FILE = 20 * 1024**2
_COPY = "copymessage"
_SENDING = ("sendmessage", "sendphoto", "sendlocation", _COPY)
_OLD_QUERY = "query is too old and response timeout expired or query ID is invalid"
_UNAVAILABLE = json.dumps(TelegramError(503).as_dict()).encode()


class TelegramSurface:
    """The handlers of `/bot<token>/…`; every answer is JSON with `ok`."""

    def __init__(self, world: World, updates: TelegramUpdates, *, oracle: Oracle, armed: ArmedFaults) -> None:
        self._world = world
        self._updates = updates
        self._oracle = oracle
        self._armed = armed
        self._chats = ChatMethods(world)
        self._methods: dict[str, Method] = {
            "getme": self.get_me,
            "setwebhook": self.set_webhook,
            "deletewebhook": self.delete_webhook,
            "getwebhookinfo": self.get_webhook_info,
            "getupdates": self.get_updates,
            "answercallbackquery": self.answer_callback_query,
            "setmycommands": self.set_my_commands,
            "getfile": self.get_file,
            **self._chats.methods,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        path = "/bot{token}/{method}"
        file = web.get("/file/bot{token}/{path:.+}", self.give_file, allow_head=False)
        return [web.post(path, self.call), web.get(path, self.call, allow_head=False), file]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of any method, or fail as the plan of this call says."""
        try:
            self._demand_token(request.match_info["token"])
            method = request.match_info["method"].lower()
            if method in _SENDING:
                return await self._send(request, method)
            if method not in self._methods:
                raise TelegramError(404)
            return await self._do(request, method)
        except TelegramError as error:
            self._oracle.rejected(error.code)
            return _say(error.as_dict(), error.code)

    def _demand_token(self, token: str) -> None:
        if token != self._world.config.telegram_token:
            raise TelegramError(401 if _TOKEN.fullmatch(token) else 404)

    async def _do(self, request: web.Request, method: str) -> web.StreamResponse:
        """Answer any method but those that send, unless an armed fault meets it."""
        nth = self._world.count_call("telegram", method)
        plan = self._armed.draw(method, "", "", dice(self._world.seed, "telegram", method, nth), "telegram")
        if plan and plan.before:
            return await fail(request, plan.before, answer=b'{"ok":true,"result":', unavailable=_UNAVAILABLE)
        if plan and plan.error:
            demand_place(self._world, 0, plan)
        result, description = await self._methods[method](await read_parameters(request))
        body = {"ok": True, "result": result, **({"description": description} if description else {})}
        return await self._answer(request, plan or Plan(), body)

    async def _send(self, request: web.Request, method: str) -> web.StreamResponse:
        """Send to a chat: its content first, then whether it can be reached, then the limits."""
        parameters = await read_parameters(request)
        chat_id = read_chat_id(parameters)
        sender = f"@{self._world.config.telegram_bot_username}"
        plan, _ = plan_elsewhere(
            self._world, self._armed, provider="telegram", to=person_of(chat_id), sender=sender
        )
        if plan.before:
            return await fail(request, plan.before, answer=b'{"ok":true,"result":', unavailable=_UNAVAILABLE)
        is_copy = method == _COPY
        parcel = (
            self._chats.read_copy(parameters, chat_id) if is_copy else read_parcel(method, parameters, chat_id)
        )
        demand_reachable(self._world, chat_id)
        demand_place(self._world, chat_id, plan)
        message, result = keep_parcel(self._world, parcel)
        self._oracle.accepted(message)
        told = {"message_id": result["message_id"]} if is_copy else result
        return await self._answer(request, plan, {"ok": True, "result": told})

    async def _answer(self, request: web.Request, plan: Plan, body: dict[str, Any]) -> web.StreamResponse:
        """Answer an accepted call: at once, late, or not properly."""
        if plan.latency_s:
            await asyncio.sleep(plan.latency_s)
        if plan.after == "late":
            await asyncio.sleep(self._world.fixture.late_s)
        elif plan.after:
            return await fail(request, plan.after, answer=json.dumps(body).encode(), unavailable=_UNAVAILABLE)
        return _say(body)

    async def get_me(self, _parameters: Parameters) -> tuple[Any, str]:
        """Return the bot."""
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        return {**bot_user(self._world.config), **abilities}, ""

    async def set_webhook(self, parameters: Parameters) -> tuple[Any, str]:
        """Let updates be posted to `url`; an empty one ends it."""
        url, book = parameters.text("url"), self._world.telegram
        if not url:
            return await self.delete_webhook(parameters)
        secret = parameters.text("secret_token")
        if secret and not _SECRET.fullmatch(secret):
            raise TelegramError(400, "secret token contains unallowed characters")
        if self._world.fixture.telegram_https_only and not url.startswith("https://"):
            raise TelegramError(400, "bad webhook: An HTTPS URL must be provided for webhook")
        hosts = self._world.config.callbacks.allowed_hosts
        if not url.startswith(("http://", "https://")) or not read_target(url, hosts).is_allowed:
            raise TelegramError(400, "bad webhook: the sandbox calls only this machine and the hosts it was told")
        allowed = parameters.parsed("allowed_updates", "can't parse allowed updates JSON object")
        settings = WebhookSettings(
            url, secret, parameters.whole("max_connections", 40), _kinds(allowed, book.webhook.allowed)
        )
        is_same, book.webhook = settings == book.webhook, settings
        if parameters.flag("drop_pending_updates"):
            book.pending.clear()
        self._updates.post_pending()
        return True, "Webhook is already set" if is_same else "Webhook was set"

    async def delete_webhook(self, parameters: Parameters) -> tuple[Any, str]:
        """Keep updates for getUpdates again."""
        book = self._world.telegram
        was_set = bool(book.webhook.url)
        book.webhook = WebhookSettings(allowed=book.webhook.allowed)
        if parameters.flag("drop_pending_updates"):
            book.pending.clear()
        return True, "Webhook was deleted" if was_set else "Webhook is already deleted"

    async def get_webhook_info(self, _parameters: Parameters) -> tuple[Any, str]:
        """Return where updates go, how many wait and what went wrong last."""
        book = self._world.telegram
        info: dict[str, Any] = {
            "url": book.webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(book.pending),
        }
        if book.webhook.url:
            info["max_connections"] = book.webhook.max_connections
        if book.last_error_at:
            info.update(last_error_date=int(book.last_error_at), last_error_message=book.last_error)
        if book.webhook.allowed:
            info["allowed_updates"] = list(book.webhook.allowed)
        return info, ""

    async def get_updates(self, parameters: Parameters) -> tuple[Any, str]:
        """Return updates, waiting `timeout` real seconds for one."""
        allowed = parameters.parsed("allowed_updates", "can't parse allowed updates JSON object")
        book = self._world.telegram
        found = await self._updates.poll(
            offset=parameters.whole("offset", 0),
            limit=min(max(parameters.whole("limit", 100), 1), 100),
            timeout_s=min(max(parameters.whole("timeout", 0), 0), _LONGEST_POLL_S),
            allowed=_kinds(allowed, book.webhook.allowed),
        )
        return found, ""

    async def answer_callback_query(self, parameters: Parameters) -> tuple[Any, str]:
        """Take the answer to a pressed button."""
        if parameters.text("callback_query_id") not in self._world.telegram.queries:
            raise TelegramError(400, _OLD_QUERY)
        return True, ""

    async def get_file(self, parameters: Parameters) -> tuple[Any, str]:
        """Return where a file can be fetched from."""
        file = self._world.files.find(parameters.text("file_id"))
        if file is None:
            raise TelegramError(400, "wrong file_id or the file is temporarily unavailable")
        if len(file.content) > _LARGEST_FILE:
            raise TelegramError(400, "file is too big")
        facts = {"file_id": file.sid, "file_unique_id": file.sid[-16:], "file_size": len(file.content)}
        return facts | {"file_path": file.path}, ""

    async def give_file(self, request: web.Request) -> web.StreamResponse:
        """Give the content of a file."""
        try:
            self._demand_token(request.match_info["token"])
            file = self._world.files.find_by_path(request.match_info["path"])
            if file is None:
                raise TelegramError(404)
        except TelegramError as error:
            return _say(error.as_dict(), error.code)
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def set_my_commands(self, parameters: Parameters) -> tuple[Any, str]:
        """Keep the bot's menu of commands."""
        commands = parameters.parsed("commands", "can't parse commands JSON object") or []
        if not isinstance(commands, list):
            raise TelegramError(400, "expected an Array of BotCommand")
        for one in commands:
            if not isinstance(one, dict) or not _COMMAND.fullmatch(str(one.get("command", ""))):
                raise TelegramError(400, "BOT_COMMAND_INVALID")
            if not one.get("description"):
                raise TelegramError(400, "command description must be non-empty")
        self._world.telegram.commands = commands
        return True, ""


def _kinds(given: Any, present: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds of updates wanted; a call that names none keeps what was wanted before."""
    return present if given is None else tuple(str(kind) for kind in given)


def _say(body: dict[str, Any], status: int = 200) -> web.Response:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return web.Response(body=raw, status=status, content_type="application/json")
