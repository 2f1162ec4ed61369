"""WhatsApp templates over Twilio's Content API, by the official client against the sandbox process."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from campaigns.core.errors import RefusedError, UnavailableError
from campaigns.gateways.template_book import TemplateStanding
from campaigns.gateways.twilio.twilio_client import TwilioAccount
from campaigns.gateways.twilio.twilio_content import TwilioContent
from tests.gateways.canned import answering, http
from tests.gateways.conftest import using
from tests.sandbox.process import DEFAULTS, SandboxProcess

T = TypeVar("T")
BODY = "Лінія допомоги для тих, хто їде: {{1}}, цілодобово."


def book_at(url: str, work: Callable[[TwilioContent], Awaitable[T]], token: str = DEFAULTS.auth_token) -> T:
    """Do `work` with the templates of the account at `url`."""
    account = TwilioAccount(DEFAULTS.account_sid, token, base_url=url, total_seconds=2.0)
    return using(TwilioContent(account), work)


async def make(book: TwilioContent, name: str = "help_line") -> str:
    return await book.create(name, language="uk", body=BODY, samples={"1": "0 800 500 335"})


async def all_states(book: TwilioContent) -> list[TemplateStanding]:
    return [standing async for page in book.states() for standing in page]


def test_template_goes_on_to_its_approval(sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})

    async def work(book: TwilioContent) -> list[TemplateStanding]:
        template_id = await make(book)
        seen = await all_states(book)
        assert await book.submit(template_id, name="help_line_1", category="UTILITY") == "received"
        for _ in range(2):
            sandbox.call("POST", "clock", {"advance_s": 15})
            seen += await all_states(book)
        return seen

    seen = book_at(sandbox.url, work)
    assert [(one.name, one.state) for one in seen] == [
        ("help_line", "unsubmitted"),
        ("help_line_1", "pending"),
        ("help_line_1", "approved"),
    ]
    assert {one.language for one in seen} == {"uk"}


def test_template_is_made_of_its_text(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=5)
    book_at(sandbox.url, make)
    body = json.loads(sandbox.call("GET", "requests")["requests"][0]["body"])
    assert body["variables"] == {"1": "0 800 500 335"}
    assert {kind: parts for kind, parts in body["types"].items() if parts} == {"twilio/text": {"body": BODY}}


def test_rejection_says_why(sandbox: SandboxProcess) -> None:
    sandbox.fixture(rejections={"help_line": "Too much like advertising."}, approval_s=0)

    async def work(book: TwilioContent) -> list[TemplateStanding]:
        await book.submit(await make(book), name="help_line", category="UTILITY")
        return await all_states(book)

    (standing,) = book_at(sandbox.url, work)
    assert (standing.state, standing.reason) == ("rejected", "Too much like advertising.")


def test_every_page_is_read(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.gateways.twilio.twilio_content.PAGE_SIZE", 2)
    sandbox.fixture(templates=[{"name": f"one_{number}", "body": "Text."} for number in range(5)])

    async def work(book: TwilioContent) -> list[int]:
        return [len(page) async for page in book.states()]

    assert book_at(sandbox.url, work) == [2, 2, 1]


def test_page_elsewhere_is_not_followed() -> None:
    with answering(http("200 OK")) as other:
        meta = {"key": "contents", "next_page_url": f"{other.url}/v1/ContentAndApprovals?Page=1"}
        page = json.dumps({"contents": [], "meta": meta})
        with (
            answering(http("200 OK\r\nContent-Type: application/json", page)) as server,
            pytest.raises(UnavailableError, match="foreign"),
        ):
            book_at(server.url, all_states)
        assert other.connections == 0


def test_refusal_is_told_in_words(sandbox: SandboxProcess) -> None:
    async def work(book: TwilioContent) -> None:
        await book.submit(await make(book), name="Not A Name", category="UTILITY")

    with pytest.raises(RefusedError, match="small letters"):
        book_at(sandbox.url, work)


def test_wrong_token_is_refused(sandbox: SandboxProcess) -> None:
    with pytest.raises(RefusedError):
        book_at(sandbox.url, make, token="wrong")


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK\r\nContent-Type: text/html", "<html>"),
        http("201 Created\r\nContent-Type: application/json", '{"sid": null}'),
        http("429 Slow\r\nContent-Type: application/json", "{}"),
        http("503 Busy\r\nContent-Type: application/json", "{}"),
        b"",
    ],
    ids=["html", "no-id", "429", "503", "closed"],
)
def test_unclear_answer_is_unavailable(answer: bytes) -> None:
    with answering(answer) as server:
        for work in (make, all_states):
            with pytest.raises(UnavailableError):
                book_at(server.url, work)
