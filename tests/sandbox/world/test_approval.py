"""Templates are approved or rejected by the published rules, and a rejected name is spent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.sandbox.world.approval import VARIABLE, reason_against
from campaigns.sandbox.world.content_templates import Content, ContentStore
from campaigns.sandbox.world.fixture import Fixture
from tests.sandbox.process import DEFAULTS, SandboxProcess

ACCOUNT = DEFAULTS.account_sid
PARTS = ("body", "title", "actions", "items", "id", "item")


def text(body: str) -> dict[str, Any]:
    return {"twilio/text": {"body": body}}


def store(**fixture: Any) -> ContentStore:
    contents = ContentStore(ACCOUNT)
    contents.load(Fixture(approval_s=30.0, **fixture), 0.0)
    return contents


def submitted(contents: ContentStore, name: str, *, body: str = "Hello", language: str = "en") -> Content:
    """Make a content, hand it in at second 0 and return it."""
    content = contents.add(ACCOUNT, {"language": language, "types": text(body)}, 0.0)
    contents.submit(content, name=name, category="UTILITY", now=0.0)
    return content


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Hello there", ""),
        ("Hello {{1}}, here is help.", ""),
        ("Dear {{1}}, the office in {{2}} is open.", ""),
        ("", "no text"),
        ("{{1}} is here for you", "start or the end"),
        ("We are here, {{1}}", "start or the end"),
        ("Hello {{1}} {{2}} and more words here", "next to each other"),
        ("Hello {{2}}, we are here", "numbered from 1"),
        ("Hello {{name}}, we are here", "numbered from 1"),
        ("a {{1}} b {{2}} c {{3}} d", "too many variables"),
    ],
)
def test_variables_decide(body: str, words: str) -> None:
    reason = reason_against(text(body), body)
    assert words in reason
    assert bool(reason) is bool(words)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("Hello {{1}} {{x}}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["twilio/text", "twilio/quick-reply", "x"]), JSON, min_size=1), st.text())
def test_any_types_can_be_rendered_and_judged(types: dict[str, Any], value: str) -> None:
    content = store().add(ACCOUNT, {"language": "en", "types": types}, 0.0)
    body, missing = content.render({"1": value})
    assert ("{{1}}" in body) <= ("{{1}}" in value)
    assert set(missing) <= {"x"} | set(VARIABLE.findall(content.body))
    assert all(isinstance(text, str) for choice in content.choices() for text in choice)
    assert isinstance(reason_against(types, content.body), str)


@pytest.mark.parametrize("kind", ["twilio/list-picker", "twilio/location"])
def test_types_for_the_window_are_never_approved(kind: str) -> None:
    assert kind in reason_against({kind: {"body": "Hello"}}, "Hello")


def test_approval_moves_on_the_clock() -> None:
    content = submitted(store(), "news")
    assert [content.status_at(now) for now in (0, 9, 10, 29, 30)] == [
        "received",
        "received",
        "pending",
        "pending",
        "approved",
    ]


def test_fixture_can_reject_a_name() -> None:
    content = submitted(store(rejections={"news": "Wrong category"}), "news")
    assert content.status_at(30) == "rejected"
    assert content.approval
    assert content.approval.rejection_reason == "Wrong category"


def test_rejected_name_cannot_be_used_again() -> None:
    contents = store()
    submitted(contents, "news", body="{{1}}")
    second = submitted(contents, "news")
    assert second.approval
    assert "rejected before" in second.approval.rejection_reason
    assert submitted(contents, "news_2").status_at(30) == "approved"


def test_name_serves_one_template_of_each_language() -> None:
    contents = store()
    ends = [submitted(contents, "news", language=language).status_at(30) for language in ("en", "uk", "en")]
    assert ends == ["approved", "approved", "rejected"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "language is missing"),
        ('{"language": "en"}', "types are missing"),
        ('{"language": "en", "types": {}}', "types are missing"),
        ('{"language": "en", "types": {"twilio/text": {}}, "variables": {"1": 2}}', "object of texts"),
    ],
)
def test_nonsense_makes_no_content(sandbox: SandboxProcess, body: str, words: str) -> None:
    auth = (ACCOUNT, DEFAULTS.auth_token)
    answer = sandbox.request("POST", "/v1/Content", data=body, auth=auth)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"name": "Big Name", "category": "UTILITY"}, "small letters"),
        ({"name": "fine", "category": "NEWS"}, "category"),
        ({"name": "fine", "category": "UTILITY"}, "submitted already"),
    ],
)
def test_nonsense_is_not_handed_in(sandbox: SandboxProcess, request_: dict[str, str], words: str) -> None:
    sid = "HX" + "1" * 32
    sandbox.fixture(templates=[{"name": "news", "body": "Hello", "sid": sid}])
    path, auth = f"/v1/Content/{sid}/ApprovalRequests/whatsapp", (ACCOUNT, DEFAULTS.auth_token)
    answer = sandbox.request("POST", path, json=request_, auth=auth)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_contents_of_the_api_outlive_a_change_of_the_fixture(sandbox: SandboxProcess) -> None:
    body = {"language": "en", "types": text("Hello"), "friendly_name": "made"}
    auth = (ACCOUNT, DEFAULTS.auth_token)
    sid = sandbox.request("POST", "/v1/Content", json=body, auth=auth).json()["sid"]
    sandbox.fixture(templates=[{"name": "news", "body": "Hello"}])
    listed = sandbox.request("GET", "/v1/Content", auth=auth).json()["contents"]
    assert [one["friendly_name"] for one in listed] == ["news", "made"]
    assert sid in {one["sid"] for one in listed}
