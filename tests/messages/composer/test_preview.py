"""The preview shows examples for placeholders, and never a number that nobody verified."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaigns.messages.composer.preview import EXAMPLES, Piece, example_values, preview_text
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.text.sms_parts import Length
from tests.directory.signposting.test_choice import LINE, MONDAY


def test_examples_stand_for_placeholders() -> None:
    preview = preview_text("Near ((place)):\r\n((hotline))", EXAMPLES)
    assert preview.pieces == (
        Piece("Near "),
        Piece("Medyka", "place"),
        Piece(":\n"),
        Piece("((hotline))", "hotline", is_open=True),
    )
    assert preview.length == Length("GSM-7", 24, 1)
    assert preview.units_left == 136


def test_hotline_without_service_stays_open() -> None:
    preview = preview_text("Call ((hotline))", EXAMPLES)
    assert preview.pieces[-1] == Piece("((hotline))", "hotline", is_open=True)


def test_faulty_text_is_shown_as_it_stands() -> None:
    preview = preview_text("Call ((me", {})
    assert preview.pieces == (Piece("Call ((me"),)
    assert "not closed" in str(preview.fault)


def test_room_left_is_of_the_last_part() -> None:
    assert preview_text("я" * 71, {}).units_left == 134 - 71
    assert preview_text("x" * 160, {}).units_left == 0
    assert preview_text("’x", {}).costly == ("’",)


def test_longest_verified_number_is_the_example() -> None:
    other = replace(LINE, service_id=2, number_from_abroad="+48 22 628 01 20", kind="child")
    stale = replace(
        LINE, service_id=3, number_national="800 100 100 100", verified_on=MONDAY.date() - timedelta(31)
    )
    known, lacking = (KnownHelp(lines, {}, fresh_days=30) for lines in ([LINE, other, stale], [other, stale]))
    assert example_values(["hotline"], known, MONDAY, language="en")["hotline"] == "800 100 100"
    assert "hotline" not in example_values(["hotline"], lacking, MONDAY, language="en")


def test_what_says_nothing_is_no_open_slot_and_costs_nothing() -> None:
    """Where nobody hears an answer, ((stop)) stands for nothing, and takes the space before it along."""
    preview = preview_text("Safe travels. ((stop))", {"stop": ""})
    assert [piece.is_open for piece in preview.pieces] == [False, False]
    assert preview.length.units == len("Safe travels.")
