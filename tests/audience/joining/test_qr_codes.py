"""A code is drawn square by square, with its finders at three corners and a light edge round it."""

from __future__ import annotations

import re

import pytest

from campaigns.audience.joining.qr_codes import QrCode, qr_code


def squares(code: QrCode) -> set[tuple[int, int]]:
    return {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", code.path)}


@pytest.mark.parametrize("link", ["sms:7711?body=GATE-1", "https://t.me/fingerpost_bot?start=GATE-1"])
def test_code_has_finders_and_edge(link: str) -> None:
    code = qr_code(link)
    dark, last = squares(code), code.side - 5
    assert {(4, 4), (last, 4), (4, last)} <= dark
    assert all(4 <= x <= last and 4 <= y <= last for x, y in dark)


def test_longer_link_takes_more_squares() -> None:
    assert qr_code("https://example.org/" + "a" * 200).side > qr_code("sms:7711?body=A").side
