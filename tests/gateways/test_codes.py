"""The table of provider codes: every class asks for something, unknown codes have stated defaults."""

from __future__ import annotations

import csv
from importlib.resources import files

from campaigns.gateways.base import Action
from campaigns.gateways.codes import ACTIONS, action_for, words_for


def test_every_class_asks_for_something() -> None:
    table = files("campaigns.gateways") / "data" / "twilio_errors.csv"
    with table.open(encoding="utf-8") as lines:
        classes = {row["class"] for row in csv.DictReader(lines)}
    assert classes == set(ACTIONS)


def test_unknown_code_pauses_when_refused() -> None:
    assert action_for("99999", synchronous=True) is Action.PAUSE_RUN


def test_unknown_code_of_receipt_gives_up() -> None:
    assert action_for("99999", synchronous=False) is Action.GIVE_UP


def test_codes_have_words() -> None:
    assert words_for("21614") == "'To' is not a mobile number; also landlines; not charged"
    assert words_for("99999") is None
