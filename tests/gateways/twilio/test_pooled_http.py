"""What the HTTP below a provider reads of its replies, and what of the environment it does not heed."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.gateways.base import RejectedError, SendError, ThrottledError
from campaigns.gateways.transport.http import form_body
from tests.gateways.canned import CannedServer, answering, http
from tests.gateways.conftest import a_message, twilio_at, using


def outcome_of(server: CannedServer) -> SendError:
    with pytest.raises(SendError) as caught:
        using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert server.requests == 1
    return caught.value


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(("header", "seconds"), [("Retry-After: 7", 7.0), ("Retry-After: soon", None)])
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    body = '{"code": 20429, "message": "too many", "status": 429}'
    with answering(http(f"429 Too Many\r\n{JSON}\r\n{header}", body)) as server:
        error = outcome_of(server)
    assert isinstance(error, ThrottledError)
    assert (error.code, error.retry_after_seconds) == ("20429", seconds)


def test_retry_after_may_be_a_date() -> None:
    with answering(http("429 Too Many\r\nRetry-After: Wed, 21 Oct 2065 07:28:00 GMT")) as server:
        error = outcome_of(server)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds is not None
    assert error.retry_after_seconds > 3600


def test_problem_json_of_newer_services_is_read() -> None:
    body = '{"type": "about:blank", "title": "no", "status": 400, "code": 21614}'
    with answering(http(f"400 Bad\r\n{JSON}", body)) as server:
        error = outcome_of(server)
    assert isinstance(error, RejectedError)
    assert error.code == "21614"


def test_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(http(f"201 Created\r\n{JSON}", '{"sid": "SM1", "status": "queued"}')) as server:
        accepted = using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert accepted.provider_id == "SM1"


def test_region_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    with answering(http(f"201 Created\r\n{JSON}", '{"sid": "SM1", "status": "queued"}')) as server:
        accepted = using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert accepted.provider_id == "SM1"


#: Lone halves of a surrogate pair are no characters.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, min_size=2)))
def test_form_is_read_as_it_was_written(fields: dict[str, str | list[str]]) -> None:
    pairs = [
        (name, text) for name, value in fields.items() for text in (value if isinstance(value, list) else [value])
    ]
    assert parse_qsl(form_body(fields).decode("ascii"), keep_blank_values=True) == pairs


@pytest.mark.parametrize("value", ["Call \ud800 now", ["Call", "\ud800"]])
def test_half_a_character_is_not_left_out(value: str | list[str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        form_body({"Body": value})
