"""The digest changes with everything that is sent and with nothing else; frozen runs survive the database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import DamagedDataError
from campaigns.planning.campaign_content import (
    NO_CAP,
    Cap,
    Content,
    FrozenRun,
    ScheduleContent,
    digest_of,
    short_digest,
)

FROZEN = FrozenRun(
    texts={"en": "Keep your passport.", "ar": "احتفظ بجواز سفرك."},
    base_language="en",
    rule={"place_ids": [1]},
    fallback_language=None,
    max_parts=2,
    link=None,
    code="K7",
    zone_policy="recipient",
    time_zone="Europe/Warsaw",
    expires_after_minutes=720,
    message_id=1,
    message_version=3,
    resend_unknown=False,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
CONTENT = st.dictionaries(
    st.text(max_size=3), st.recursive(LEAVES, lambda leaf: st.lists(leaf, max_size=3)), max_size=4
)


def test_order_of_keys_does_not_matter() -> None:
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})


@given(CONTENT, CONTENT)
def test_digests_agree_only_with_contents(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    assert (digest_of(one) == digest_of(other)) == same


def test_digest_is_the_same_for_ever() -> None:
    """Stored approvals must stay comparable, so the canonical form may never change."""
    expected = "51930f5cead3f9642c7a91912c0869b3"
    assert digest_of({"texts": {"uk": "Паспорт"}, "max_parts": 2})[:32] == expected


def test_short_form_begins_the_digest() -> None:
    digest = digest_of({})
    assert digest.startswith(short_digest(digest))
    assert len(short_digest(digest)) == 12


def test_frozen_run_survives_json() -> None:
    assert FrozenRun.from_json(FROZEN.to_json()) == FROZEN


def test_runs_frozen_with_one_sender_still_read() -> None:
    stored = FROZEN.to_json()
    del stored["senders"], stored["templates"]
    assert FrozenRun.from_json(stored) == FROZEN
    assert FROZEN.pays_by_part


def test_parts_are_paid_for_on_sms_alone() -> None:
    bot, line = {"id": 1, "channel": "telegram"}, {"id": 2, "channel": "sms"}
    assert not replace(FROZEN, senders=[bot]).pays_by_part
    assert replace(FROZEN, senders=[bot, line]).pays_by_part


def test_runs_frozen_before_the_cap_have_none() -> None:
    stored = replace(FROZEN, cap_messages=3, cap_days=7).to_json()
    assert FrozenRun.from_json(stored).cap == Cap(messages=3, days=7)
    del stored["cap_messages"], stored["cap_days"]
    assert FrozenRun.from_json(stored).cap == NO_CAP


@pytest.mark.parametrize(
    ("text", "channel", "names_page"),
    [
        ("Keep it. ((stop))", "sms", True),
        ("Keep it. (( stop ))", "sms", True),
        ("Keep it. ((stop))", "telegram", False),
        ("Keep it. ((place))", "sms", False),
        # It is faulty, and a gate says so.
        ("Keep it. ((stop", "sms", False),
    ],
)
def test_run_names_a_page_where_its_sms_ask_for_one(text: str, channel: str, *, names_page: bool) -> None:
    content = Content(
        texts={"en": text},
        base_language="en",
        message_id=1,
        message_version=1,
        rule={},
        senders=({"channel": channel},),
        fallback_language=None,
        max_parts=2,
        link=None,
        code="K7",
        resend_unknown=False,
        schedules=(),
    )
    when = ScheduleContent("2026-03-02T18:00", None, "recipient", "Europe/Warsaw", 60, 1440)
    assert content.names_page == content.freeze(when, {}, cap=NO_CAP).names_page == names_page


@pytest.mark.parametrize("change", [{"extra": 1}, {"texts": None}])
def test_foreign_frozen_content_is_damaged(change: dict[str, Any]) -> None:
    stored = {**replace(FROZEN, max_parts=1).to_json(), **change}
    stored = {
        key: value for key, value in stored.items() if value is not None or key in {"link", "fallback_language"}
    }
    with pytest.raises(DamagedDataError, match=next(iter(change))):
        FrozenRun.from_json(stored)
