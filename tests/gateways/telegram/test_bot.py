"""A bot writes plainly, tells Telegram's refusals apart, and sets its own webhook."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from campaigns.core.errors import UnavailableError
from campaigns.gateways.base import (
    Action,
    Outgoing,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from campaigns.gateways.callbacks import hook_secret
from campaigns.gateways.connecting import Connectable
from campaigns.gateways.telegram.bot import TelegramBot
from campaigns.gateways.telegram.telegram_refusals import REFUSALS
from tests.gateways.canned import answering, http
from tests.gateways.conftest import using
from tests.sandbox.process import DEFAULTS, SandboxProcess

CHAT = 77
PUBLIC = "http://127.0.0.1:5999"
SECRET = hook_secret(DEFAULTS.auth_token)
MESSAGE = {"message_id": 3, "date": 1764000000, "chat": {"id": CHAT, "type": "private"}, "text": "x"}


def bot_at(url: str, token: str = DEFAULTS.auth_token) -> TelegramBot:
    return TelegramBot("5550100", token, base_url=url, connect_seconds=2.0, total_seconds=3.0)


def a_message(to: str = str(CHAT), body: str = "_Не_ їдьте <b>самі</b> https://example.org") -> Outgoing:
    return Outgoing("ref1", to, body, "fingerpost_bot", None, 3600)


def outcome_of(status: int, body: dict[str, Any]) -> SendError:
    """Return the error that one answer of Telegram's becomes."""
    head = f"{status} Word\r\nContent-Type: application/json"
    with answering(http(head, json.dumps(body))) as server, pytest.raises(SendError) as caught:
        using(bot_at(server.url), lambda bot: bot.send(a_message()))
    return caught.value


def refused(status: int, description: str | None, **parameters: int) -> SendError:
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return outcome_of(status, body)


@pytest.fixture
def telegram(sandbox: SandboxProcess) -> SandboxProcess:
    """Return a sandbox in which one person has pressed Start."""
    sandbox.fixture(telegram_chats={str(CHAT): "ok", "78": "blocked"}, keep_requests=9)
    return sandbox


def requests_of(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.request("GET", "/_sandbox/requests").json()["requests"]
    return found


def test_text_goes_out_plain_and_without_preview(telegram: SandboxProcess) -> None:
    using(bot_at(telegram.url), lambda bot: bot.send(a_message()))
    (request,) = requests_of(telegram)
    assert {name: values[0] for name, values in parse_qs(request["body"]).items()} == {
        "chat_id": str(CHAT),
        "text": a_message().body,
        "link_preview_options": '{"is_disabled": true}',
    }


def test_acceptance_names_no_chat(telegram: SandboxProcess) -> None:
    accepted = using(bot_at(telegram.url), lambda bot: bot.send(a_message()))
    (kept,) = telegram.truth()
    assert accepted.provider_id.startswith("5550100:")
    assert (accepted.provider_id, accepted.status, accepted.reference) == (kept["sid"], "sent", None)


#: What Telegram says, by the code we give it.
SAID = [
    (403, "Forbidden: bot was blocked by the user", "telegram_blocked", Action.OPT_OUT),
    (403, "Forbidden: user is deactivated", "telegram_deactivated", Action.INVALIDATE_ADDRESS),
    (403, "Forbidden: bot can't initiate conversation with a user", "telegram_not_started", Action.OTHER_CHANNEL),
    (403, "Forbidden: bot was kicked from the group chat", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    (403, "Forbidden: bot is not a member of the channel chat", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    (403, "Forbidden: bot can't send messages to bots", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    (403, "Forbidden: something new", "telegram_forbidden", Action.GIVE_UP),
    (400, "Bad Request: chat not found", "telegram_no_chat", Action.OTHER_CHANNEL),
    (400, "Bad Request: user not found", "telegram_no_chat", Action.OTHER_CHANNEL),
    (400, "Bad Request: PEER_ID_INVALID", "telegram_no_chat", Action.OTHER_CHANNEL),
    (400, "Bad Request: message is too long", "telegram_too_long", Action.PAUSE_RUN),
    (400, "Bad Request: message text is empty", "telegram_bad_request", Action.PAUSE_RUN),
    (413, "Request Entity Too Large", "telegram_too_long", Action.PAUSE_RUN),
    (401, "Unauthorized", "telegram_token", Action.PAUSE_SENDER),
    (404, "Not Found", "telegram_token", Action.PAUSE_SENDER),
    (409, "Conflict: terminated by other request", "telegram_conflict", Action.PAUSE_SENDER),
    (418, "I'm a teapot", "telegram_refused", Action.PAUSE_RUN),
]


@pytest.mark.parametrize(("status", "description", "code", "action"), SAID)
def test_refusal_says_what_to_do(status: int, description: str, code: str, action: Action) -> None:
    error = refused(status, description)
    assert isinstance(error, RejectedError)
    assert (error.code, error.action) == (code, action)


def test_upgraded_group_is_no_person() -> None:
    error = refused(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1001)
    assert isinstance(error, RejectedError)
    assert error.action is Action.INVALIDATE_ADDRESS


def test_every_row_of_the_table_is_tried() -> None:
    tried = {code for _, _, code, _ in SAID}
    assert tried == {row.code for row in REFUSALS}


@pytest.mark.parametrize(("parameters", "seconds"), [({"retry_after": 7}, 7.0), ({}, None)])
def test_rate_limit_says_how_long(parameters: dict[str, int], seconds: float | None) -> None:
    error = refused(429, "Too Many Requests: retry after 7", **parameters)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"ok": True}),
        (200, {"ok": True, "result": True}),
        (200, {"ok": True, "result": {"message_id": 3}}),
        (200, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}),
        (200, {"ok": False, "description": "x", "parameters": {"retry_after": 7}}),
        (400, {"ok": True, "result": MESSAGE}),
        (403, {"ok": False}),
        (500, {"ok": False, "error_code": 500, "description": "restart", "parameters": {"retry_after": 5}}),
    ],
)
def test_contradictory_answer_is_unknown(status: int, body: dict[str, Any]) -> None:
    assert isinstance(outcome_of(status, body), UnknownOutcomeError)


def test_person_who_blocked_has_opted_out(telegram: SandboxProcess) -> None:
    with pytest.raises(RejectedError) as caught:
        using(bot_at(telegram.url), lambda bot: bot.send(a_message("78")))
    assert caught.value.action is Action.OPT_OUT


def test_webhook_is_set_once(telegram: SandboxProcess) -> None:
    async def work(bot: TelegramBot) -> list[bool]:
        return [await bot.connect(PUBLIC + "/"), await bot.connect(PUBLIC)]

    assert using(bot_at(telegram.url), work) == [True, False]
    (body,) = (parse_qs(one["body"]) for one in requests_of(telegram) if one["path"].endswith("/setWebhook"))
    assert body["url"] == [f"{PUBLIC}/hooks/telegram/{SECRET}"]
    assert body["secret_token"] == [SECRET]
    assert json.loads(body["allowed_updates"][0]) == [
        "message",
        "edited_message",
        "callback_query",
        "my_chat_member",
    ]


def test_webhook_follows_the_public_address(telegram: SandboxProcess) -> None:
    async def work(bot: TelegramBot) -> bool:
        await bot.connect("http://127.0.0.1:5998")
        return await bot.connect(PUBLIC)

    assert using(bot_at(telegram.url), work)


def test_bot_knows_its_name(telegram: SandboxProcess) -> None:
    bot = bot_at(telegram.url)
    assert isinstance(bot, Connectable)
    assert using(bot, lambda bot: bot.ask_account()) == "@fingerpost_bot"


@pytest.mark.parametrize("url", ["wrong-token", "http://127.0.0.1:1"])
def test_connecting_fails_in_words(telegram: SandboxProcess, url: str) -> None:
    def bot() -> TelegramBot:
        return bot_at(telegram.url, token=url) if url == "wrong-token" else bot_at(url)

    with pytest.raises(UnavailableError, match="Telegram"):
        using(bot(), lambda bot: bot.connect(PUBLIC))
