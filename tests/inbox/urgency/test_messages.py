"""Who tells of danger in everyday sentences is heard, in any spelling, and everyday life is no alarm."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from campaigns.audience.keywords import meaning_of
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.judging import judge
from campaigns.inbox.urgency.levels import Urgency

FILE = Path(__file__).with_name("data") / "messages.csv"
with FILE.open(encoding="utf-8", newline="") as lines:
    ROWS = list(csv.DictReader(lines))
LANGUAGES = sorted({row["language"] for row in ROWS})
PARTS = ("read", "held out")


def level_of(message: str) -> Urgency:
    return judge(message, ReplyKind(meaning_of(message) or ReplyKind.TEXT)).urgency


def messages(kind: str, part: str | None = None, language: str | None = None) -> list[str]:
    return [
        row["message"]
        for row in ROWS
        if row["kind"] == kind and part in (None, row["part"]) and language in (None, row["language"])
    ]


def test_file_is_as_large_as_it_says() -> None:
    counts = Counter((row["language"], row["kind"]) for row in ROWS)
    assert counts == {(language, kind): size for language in LANGUAGES for kind, size in SIZES.items()}
    assert len({row["message"] for row in ROWS}) > 0.99 * len(ROWS)


SIZES = {"danger": 30, "harmless": 40}


@pytest.mark.parametrize("part", PARTS)
def test_danger_is_heard(part: str) -> None:
    missed = [message for message in messages("danger", part) if level_of(message) < Urgency.DAY]
    assert len(missed) <= 0.04 * len(messages("danger", part)), missed


@pytest.mark.parametrize("language", LANGUAGES)
def test_danger_is_heard_in_every_language(language: str) -> None:
    said = messages("danger", language=language)
    assert sum(level_of(message) >= Urgency.DAY for message in said) >= 0.9 * len(said)


def test_everyday_life_is_no_alarm() -> None:
    alarms = defaultdict(list)
    for row in ROWS:
        if row["kind"] == "harmless" and level_of(row["message"]) is Urgency.DANGER:
            alarms[row["language"]].append(row["message"])
    assert sum(map(len, alarms.values())) <= 0.005 * len(messages("harmless")), alarms
    assert max(map(len, alarms.values()), default=0) <= 0.05 * SIZES["harmless"], alarms
