"""aiogram, unmodified, against the sandbox: every method, every error, and the bytes on the wire."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiogram import Bot, exceptions
from aiogram.methods import TelegramMethod
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    LinkPreviewOptions,
    Message,
    ReplyKeyboardMarkup,
)

from tests.sandbox.process import SandboxProcess
from tests.sandbox.receiver import Receiver
from tests.wire.telegram_client import TOKEN, TelegramClient

CHAT = 77
BUTTONS = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Так", callback_data="yes")]])


@pytest.fixture(scope="module")
def client(sandbox_process: SandboxProcess) -> Iterator[TelegramClient]:
    with TelegramClient(sandbox_process.url) as client:
        yield client


@pytest.fixture
def telegram(sandbox: SandboxProcess) -> SandboxProcess:
    """Return a sandbox in which one person has pressed Start and limits are off."""
    sandbox.fixture(telegram_chats={str(CHAT): "ok"}, telegram_limits=False, keep_requests=100)
    return sandbox


def send(client: TelegramClient, chat: int = CHAT, text: str = "Вітаємо", **options: Any) -> Any:
    """Send one message and return what the client makes of the answer."""
    return client.run(lambda bot: bot.send_message(chat, text, **options))


def test_bot_introduces_itself(client: TelegramClient, telegram: SandboxProcess) -> None:
    me = client.run(lambda bot: bot.get_me())
    assert (me.id, me.is_bot, me.username) == (5550100, True, "fingerpost_bot")


def test_message_is_sent_and_answered(client: TelegramClient, telegram: SandboxProcess) -> None:
    message = send(client, text="<b>Не їдьте</b> самі", parse_mode="HTML", reply_markup=BUTTONS)
    assert (message.chat.id, message.text) == (CHAT, "Не їдьте самі")
    assert message.reply_markup.inline_keyboard[0][0].callback_data == "yes"
    (kept,) = telegram.truth(to=f"telegram:{CHAT}")
    assert (kept["channel"], kept["status"], kept["body"]) == ("telegram", "sent", "Не їдьте самі")
    assert kept["sid"] == f"5550100:{message.message_id}"


def test_photo_and_location_are_sent(client: TelegramClient, telegram: SandboxProcess) -> None:
    async def work(bot: Bot) -> None:
        photo = await bot.send_photo(CHAT, BufferedInputFile(b"\x89PNG", "a.png"), caption="Мапа")
        assert photo.photo
        assert photo.caption == "Мапа"
        assert (await bot.send_photo(CHAT, "https://example.org/a.png")).photo
        place = await bot.send_location(CHAT, 49.84, 24.03)
        assert place.location
        assert (place.location.latitude, place.location.longitude) == (49.84, 24.03)

    client.run(work)
    assert len(telegram.truth()) == 3


def test_capture_equals_the_recorded_call(client: TelegramClient, telegram: SandboxProcess) -> None:
    preview = LinkPreviewOptions(is_disabled=True)
    keyboard = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Де я?", request_location=True)]])
    send(client, disable_notification=True, link_preview_options=preview, parse_mode="HTML", reply_markup=keyboard)
    (raw,) = telegram.request("GET", "/_sandbox/requests").json()["requests"]
    headers = {name.lower(): value for name, value in raw["headers"]}
    assert (raw["method"], raw["path"]) == (
        "POST",
        f"/bot{TOKEN.replace(':', '%3A')}/sendMessage".replace("%3A", ":"),
    )
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    form = {name: values[0] for name, values in parse_qs(raw["body"]).items()}
    assert (form["chat_id"], form["text"], form["parse_mode"]) == (str(CHAT), "Вітаємо", "HTML")
    assert form["disable_notification"] == "true"
    assert json.loads(form["link_preview_options"])["is_disabled"] is True
    assert json.loads(form["reply_markup"])["keyboard"] == [[{"text": "Де я?", "request_location": True}]]


@pytest.mark.parametrize("how", ["query", "form", "multipart", "json"])
def test_every_way_to_bring_parameters_is_read(telegram: SandboxProcess, how: str) -> None:
    values = {"chat_id": str(CHAT), "text": "Вітаємо"}
    ways: dict[str, dict[str, Any]] = {
        "query": {"params": values},
        "form": {"data": values},
        "multipart": {"files": {name: (None, value) for name, value in values.items()}},
        "json": {"json": {"chat_id": CHAT, "text": "Вітаємо"}},
    }
    method = "GET" if how == "query" else "POST"
    answer = telegram.request(method, f"/bot{TOKEN}/SENDMESSAGE", **ways[how])
    body = answer.json()
    assert (answer.status_code, body["ok"], body["result"]["text"]) == (200, True, "Вітаємо")
    assert set(body["result"]) == {"message_id", "from", "date", "chat", "text"}


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("blocked", exceptions.TelegramForbiddenError, "Forbidden: bot was blocked by the user"),
        ("deactivated", exceptions.TelegramForbiddenError, "Forbidden: user is deactivated"),
        ("not_found", exceptions.TelegramBadRequest, "Bad Request: chat not found"),
    ],
)
def test_chat_that_cannot_be_written_to(
    client: TelegramClient,
    telegram: SandboxProcess,
    state: str,
    error: type[exceptions.TelegramAPIError],
    words: str,
) -> None:
    telegram.fixture(telegram_chats={str(CHAT): state})
    with pytest.raises(error) as caught:
        send(client)
    assert caught.value.message == words
    assert telegram.truth() == []


def test_bot_cannot_start_a_chat(client: TelegramClient, telegram: SandboxProcess) -> None:
    with pytest.raises(exceptions.TelegramBadRequest, match="chat not found"):
        send(client, chat=4711)
    telegram.call("POST", "inbound", {"provider": "telegram", "from": 4711, "start": "uk"})
    assert send(client, chat=4711).text == "Вітаємо"
    telegram.fixture(telegram_all_known=True)
    assert send(client, chat=4712).text == "Вітаємо"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": " "}, "message text is empty"),
        ({"text": "я" * 4097}, "message is too long"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "2 < 3", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "<p>x</p>", "parse_mode": "HTML"}, 'Unsupported start tag "p"'),
        (
            {"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "я" * 33}]]}},
            "BUTTON_DATA_INVALID",
        ),
    ],
)
def test_bad_content_is_a_bad_request(
    client: TelegramClient, telegram: SandboxProcess, options: dict[str, Any], words: str
) -> None:
    markup = options.get("reply_markup")
    if markup:
        options = {**options, "reply_markup": InlineKeyboardMarkup.model_validate(markup)}
    with pytest.raises(exceptions.TelegramBadRequest) as caught:
        send(client, **options)
    assert words in caught.value.message


def test_group_that_moved_says_where_to(client: TelegramClient, telegram: SandboxProcess) -> None:
    telegram.fixture(telegram_migrated={"-5": -1005}, telegram_limits=False)
    with pytest.raises(exceptions.TelegramMigrateToChat) as caught:
        send(client, chat=-5)
    assert caught.value.migrate_to_chat_id == -1005
    assert send(client, chat=-1005).chat.type == "supergroup"


def test_chat_takes_a_short_burst_and_then_one_a_second(client: TelegramClient, telegram: SandboxProcess) -> None:
    telegram.call("POST", "clock", {"mode": "manual"})
    telegram.fixture(telegram_chats={str(CHAT): "ok"}, telegram_limits=True)
    for _ in range(3):
        send(client)
    with pytest.raises(exceptions.TelegramRetryAfter) as caught:
        send(client)
    assert caught.value.retry_after == 1
    telegram.call("POST", "clock", {"advance_s": 1})
    assert send(client).text == "Вітаємо"
    with pytest.raises(exceptions.TelegramRetryAfter):
        send(client)
    assert len(telegram.truth()) == 4


def test_sent_message_is_edited_copied_and_deleted(client: TelegramClient, telegram: SandboxProcess) -> None:
    sent = send(client)
    edited = client.run(
        lambda bot: bot.edit_message_text("До побачення", chat_id=CHAT, message_id=sent.message_id)
    )
    assert isinstance(edited, Message)
    assert (edited.text, edited.message_id, edited.edit_date is not None) == (
        "До побачення",
        sent.message_id,
        True,
    )
    with pytest.raises(exceptions.TelegramBadRequest, match="message is not modified"):
        client.run(lambda bot: bot.edit_message_text("До побачення", chat_id=CHAT, message_id=sent.message_id))
    copied = client.run(lambda bot: bot.copy_message(CHAT, from_chat_id=CHAT, message_id=sent.message_id))
    assert copied.message_id > sent.message_id
    assert [one["body"] for one in telegram.truth()] == ["До побачення", "До побачення"]
    assert client.run(lambda bot: bot.delete_message(CHAT, sent.message_id))
    with pytest.raises(exceptions.TelegramBadRequest, match="message to delete not found"):
        client.run(lambda bot: bot.delete_message(CHAT, sent.message_id))


def test_message_is_deleted_within_two_days_only(client: TelegramClient, telegram: SandboxProcess) -> None:
    sent = send(client)
    telegram.call("POST", "clock", {"mode": "manual", "advance_s": 48 * 3_600 + 60})
    with pytest.raises(exceptions.TelegramBadRequest, match="can't be deleted"):
        client.run(lambda bot: bot.delete_message(CHAT, sent.message_id))


@pytest.mark.usefixtures("telegram")
def test_chat_is_read_and_shown_that_the_bot_types(client: TelegramClient) -> None:
    assert client.run(lambda bot: bot.get_chat(CHAT)).type == "private"
    with pytest.raises(exceptions.TelegramBadRequest, match="chat not found"):
        client.run(lambda bot: bot.get_chat(999))
    assert client.run(lambda bot: bot.send_chat_action(CHAT, "typing"))
    with pytest.raises(exceptions.TelegramBadRequest, match="wrong parameter action"):
        client.run(lambda bot: bot.send_chat_action(CHAT, "dancing"))
    assert client.run(lambda bot: bot.log_out())


def test_webhook_is_taken_over_https_only_where_that_is_asked_for(
    client: TelegramClient, telegram: SandboxProcess
) -> None:
    assert client.run(lambda bot: bot.set_webhook("http://127.0.0.1:9/x"))
    telegram.fixture(telegram_https_only=True)
    with pytest.raises(exceptions.TelegramBadRequest, match="An HTTPS URL must be provided"):
        client.run(lambda bot: bot.set_webhook("http://127.0.0.1:9/x"))
    assert client.run(lambda bot: bot.set_webhook("https://127.0.0.1:9/x"))


def test_bot_sends_thirty_a_second(client: TelegramClient, telegram: SandboxProcess) -> None:
    telegram.call("POST", "clock", {"mode": "manual"})
    telegram.fixture(telegram_all_known=True, telegram_limits=True)

    async def burst(bot: Bot) -> list[Any]:
        sends = (bot.send_message(chat, "x") for chat in range(1, 41))
        return await asyncio.gather(*sends, return_exceptions=True)

    results = client.run(burst)
    refused = [one for one in results if isinstance(one, exceptions.TelegramRetryAfter)]
    assert (len(results) - len(refused), {one.retry_after for one in refused}) == (30, {1})


def test_wrong_token_is_unauthorized(client: TelegramClient, telegram: SandboxProcess) -> None:
    with pytest.raises(exceptions.TelegramUnauthorizedError, match="Unauthorized"):
        client.run(lambda bot: bot.get_me(), token="5550100:wrong")
    assert telegram.request("POST", "/botnonsense/getMe").status_code == 404


def test_unknown_method_is_not_found(client: TelegramClient, telegram: SandboxProcess) -> None:
    class Teleport(TelegramMethod[bool]):
        __returning__ = bool
        __api_method__ = "teleport"

    with pytest.raises(exceptions.TelegramNotFound, match="Not Found"):
        client.run(lambda bot: bot(Teleport()))


@pytest.mark.parametrize(
    ("action", "error", "accepted"),
    [
        ({"before": "502"}, exceptions.ClientDecodeError, 0),
        ({"before": "503"}, exceptions.TelegramServerError, 0),
        ({"before": "close"}, exceptions.TelegramNetworkError, 0),
        ({"before": "empty"}, exceptions.ClientDecodeError, 0),
        ({"before": "half"}, exceptions.ClientDecodeError, 0),
        ({"before": "html"}, exceptions.ClientDecodeError, 0),
        ({"after": "502"}, exceptions.ClientDecodeError, 1),
        ({"after": "html"}, exceptions.ClientDecodeError, 1),
        ({"after": "cut"}, exceptions.TelegramNetworkError, 1),
        ({"after": "close"}, exceptions.TelegramNetworkError, 1),
        ({"after": "empty"}, exceptions.ClientDecodeError, 1),
        ({"after": "half"}, exceptions.ClientDecodeError, 1),
        ({"error": 429, "retry_after": 7}, exceptions.TelegramRetryAfter, 0),
        ({"error": 403}, exceptions.TelegramForbiddenError, 0),
        ({"error": 500}, exceptions.TelegramServerError, 0),
    ],
)
def test_armed_fault_reaches_the_client(
    client: TelegramClient, telegram: SandboxProcess, action: dict[str, Any], error: type[Exception], accepted: int
) -> None:
    telegram.call("POST", "faults", {"match": {"provider": "telegram", "count": 1}, "action": action})
    with pytest.raises(error):
        send(client)
    assert len(telegram.truth()) == accepted
    assert send(client).text == "Вітаємо"


def test_chance_treats_telegram_as_every_provider(client: TelegramClient, telegram: SandboxProcess) -> None:
    telegram.fixture(profile={"drop_response_p": 1.0})
    with pytest.raises(exceptions.TelegramNetworkError):
        send(client)
    assert len(telegram.truth()) == 1


def test_answer_may_come_too_late(client: TelegramClient, telegram: SandboxProcess) -> None:
    telegram.call("POST", "faults", {"match": {"count": 1}, "action": {"after": "late"}})
    with pytest.raises(exceptions.TelegramNetworkError, match="timeout"):
        # Whole seconds, say aiogram's types; aiohttp takes any.
        client.run(lambda bot: bot.send_message(CHAT, "x", request_timeout=0.2))  # type: ignore[arg-type]
    assert len(telegram.truth()) == 1


def test_updates_are_polled_and_confirmed(client: TelegramClient, telegram: SandboxProcess) -> None:
    for text in ("раз", "два"):
        telegram.call("POST", "inbound", {"provider": "telegram", "from": CHAT, "text": text})

    async def work(bot: Bot) -> None:
        first, second = await bot.get_updates()
        assert second.update_id == first.update_id + 1
        (again,) = await bot.get_updates(offset=second.update_id)
        assert again.message
        assert (again.message.text, again.message.chat.id) == ("два", CHAT)
        assert await bot.get_updates(offset=second.update_id + 1) == []

    client.run(work)


def test_long_poll_ends_with_the_first_update(client: TelegramClient, telegram: SandboxProcess) -> None:
    async def work(bot: Bot) -> list[Any]:
        waiting = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.1)
        act = {"provider": "telegram", "from": CHAT, "start": "qr-lviv"}
        await asyncio.to_thread(telegram.call, "POST", "inbound", act)
        return await waiting

    (update,) = client.run(work)
    assert update.message.text == "/start qr-lviv"


def test_second_poller_ends_the_first(client: TelegramClient, telegram: SandboxProcess) -> None:
    async def work(bot: Bot) -> None:
        first = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.1)
        assert await bot.get_updates() == []
        with pytest.raises(exceptions.TelegramConflictError, match="terminated by other getUpdates"):
            await first

    client.run(work)


def test_webhook_and_polling_exclude_each_other(
    client: TelegramClient, telegram: SandboxProcess, receiver: Receiver
) -> None:
    async def work(bot: Bot) -> None:
        assert await bot.set_webhook(f"{receiver.url}/t", secret_token="s", max_connections=2)
        with pytest.raises(exceptions.TelegramConflictError, match="webhook is active"):
            await bot.get_updates()
        info = await bot.get_webhook_info()
        assert (info.url, info.pending_update_count, info.max_connections) == (f"{receiver.url}/t", 0, 2)
        assert await bot.delete_webhook(drop_pending_updates=True)
        assert (await bot.get_webhook_info()).url == ""
        assert await bot.get_updates() == []

    client.run(work)


@pytest.mark.parametrize(
    ("url", "secret"), [("https://example.org/t", ""), ("ftp://x", ""), ("http://127.0.0.1/", "a b")]
)
def test_bad_webhook_is_refused(client: TelegramClient, telegram: SandboxProcess, url: str, secret: str) -> None:
    with pytest.raises(exceptions.TelegramBadRequest):
        client.run(lambda bot: bot.set_webhook(url, secret_token=secret or None))


def test_pressed_button_is_answered(client: TelegramClient, telegram: SandboxProcess) -> None:
    send(client, reply_markup=BUTTONS)
    telegram.call("POST", "inbound", {"provider": "telegram", "from": CHAT, "button_payload": "yes"})

    async def work(bot: Bot) -> None:
        (update,) = await bot.get_updates()
        query = update.callback_query
        assert query
        assert query.message
        assert (query.data, query.from_user.id, query.message.chat.id) == ("yes", CHAT, CHAT)
        assert await bot.answer_callback_query(query.id, text="Дякуємо")
        with pytest.raises(exceptions.TelegramBadRequest, match="query is too old"):
            await bot.answer_callback_query("1")

    client.run(work)


def test_commands_are_set(client: TelegramClient, telegram: SandboxProcess) -> None:
    async def work(bot: Bot) -> None:
        assert await bot.set_my_commands([BotCommand(command="stop", description="Більше не писати")])
        with pytest.raises(exceptions.TelegramBadRequest, match="BOT_COMMAND_INVALID"):
            await bot.set_my_commands([BotCommand(command="СТОП", description="x")])

    client.run(work)
