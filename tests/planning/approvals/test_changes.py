"""What is told of the difference between two contents of a campaign."""

from __future__ import annotations

from typing import Any

from campaigns.messages.text.diff import Change
from campaigns.planning.approvals.changes import FACTS, changes_between
from campaigns.planning.campaign_content import Content, ScheduleContent


def content(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "texts": {"en": "Keep your passport."},
        "base_language": "en",
        "message_id": 1,
        "message_version": 1,
        "rule": {"countries": ["PL"]},
        "senders": ({"id": 1, "channel": "sms", "identity": "+15005550006"},),
        "fallback_language": None,
        "max_parts": 2,
        "link": None,
        "code": "K7",
        "resend_unknown": False,
        "schedules": (),
    }
    return Content(**values | changes).to_json()


def test_same_content_has_no_changes() -> None:
    assert not changes_between(content(), content()).any


def test_stored_content_equals_what_is_read_anew() -> None:
    stored = content() | {"senders": list(content()["senders"]), "schedules": []}
    assert not changes_between(stored, content()).any


def test_words_that_went_and_came_are_told() -> None:
    (text,) = changes_between(content(), content(texts={"en": "Keep your papers."})).texts
    assert [(each.change, each.text) for each in text.stretches] == [
        (Change.KEPT, "Keep your "),
        (Change.REMOVED, "passport"),
        (Change.ADDED, "papers"),
        (Change.KEPT, "."),
    ]


def test_each_part_of_the_plan_is_told() -> None:
    other = content(
        rule={},
        senders=({"id": 2, "channel": "sms", "identity": "+15005550007"},),
        fallback_language="en",
        max_parts=3,
        link="https://example.org",
        resend_unknown=True,
        schedules=(ScheduleContent("2026-03-02T18:00", None, "fixed", "UTC", 60, 720),),
        budget_cents=500,
        cover={"place 1": "0"},
        leads_to="https://help.example.org/",
        pages="https://info.example.org",
        numbers={"services": {"1": ["112"]}},
        urgent="The hotline was closed.",
    )
    assert {each.name for each in changes_between(content(), other).facts} == set(FACTS)


def test_correction_that_is_new_is_told() -> None:
    (text,) = changes_between(content(), content(correction={"en": "Wrong."})).correction
    assert [each.change for each in text.stretches] == [Change.ADDED]
