"""The table of provider codes: every row says what to do, unknown codes have stated defaults."""

from __future__ import annotations

import pytest

from campaigns.gateways.base import Action, Blame
from campaigns.gateways.twilio.error_codes import action_for, blame_for, table, words_for

#: What each action may be blamed on: nobody loses an address or channel for a fault that is ours.
FITTING = {
    Action.INVALIDATE_ADDRESS: {Blame.RECIPIENT},
    Action.OPT_OUT: {Blame.RECIPIENT},
    Action.PAUSE_SENDER: {Blame.SENDER, Blame.ACCOUNT},
    Action.PAUSE_RUN: {Blame.CONTENT, Blame.ACCOUNT},
    Action.RECONCILE: {Blame.PROVIDER},
    Action.OTHER_CHANNEL: {Blame.RECIPIENT, Blame.SENDER, Blame.NOBODY},
    Action.RETRY_LATER: set(Blame) - {Blame.CONTENT},
    Action.GIVE_UP: set(Blame) - {Blame.RECIPIENT},
}


def test_blame_fits_what_is_asked_for() -> None:
    assert [row.code for row in table().values() if row.blame not in FITTING[row.action]] == []


def test_every_action_occurs() -> None:
    assert {row.action for row in table().values()} == set(Action)


def test_every_row_says_why() -> None:
    assert [row.code for row in table().values() if not row.note or "CHECK" in row.note] == []


@pytest.mark.parametrize("code", ["21219", "21401", "21407"])
def test_doubtful_code_marks_no_address(code: str) -> None:
    assert action_for(code, synchronous=True) in (Action.PAUSE_SENDER, Action.PAUSE_RUN)
    assert "no address is marked" in str(words_for(code))


@pytest.mark.parametrize("code", ["21606", "21660", "30002", "63007", "63018"])
def test_fault_of_a_sender_pauses_it(code: str) -> None:
    assert action_for(code, synchronous=False) is Action.PAUSE_SENDER


@pytest.mark.parametrize("code", ["63003", "63016", "63024", "21612"])
def test_closed_channel_leaves_the_others(code: str) -> None:
    assert action_for(code, synchronous=False) is Action.OTHER_CHANNEL


@pytest.mark.parametrize("code", ["30004", "30007", "63026"])
def test_one_filtered_message_pauses_nothing(code: str) -> None:
    assert action_for(code, synchronous=False) is Action.GIVE_UP


def test_unknown_code_pauses_when_refused() -> None:
    assert action_for("99999", synchronous=True) is Action.PAUSE_RUN
    assert blame_for("99999", synchronous=True) is Blame.ACCOUNT


def test_unknown_code_of_receipt_gives_up() -> None:
    assert action_for("99999", synchronous=False) is Action.GIVE_UP
    assert blame_for("99999", synchronous=False) is Blame.PROVIDER


def test_codes_have_words() -> None:
    assert words_for("21614") == "'To' is not a mobile number; also landlines; not charged"
    assert words_for("99999") is None
