"""What the log is told goes through a mask: no number, e-mail, secret address or token stays."""

from __future__ import annotations

import logging

import pytest

from campaigns.core.logging import MASK, MaskingFilter, mask

SECRET = "e0394bca5bd04c70a31f1e04a1c5b1c2"


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("sent to +380 50 123 45 67", f"sent to {MASK}"),
        ("mail to olena.k+x@porada.example.org refused", f"mail to {MASK} refused"),
        ("<olena@example.org>: 550", f"<{MASK}>: 550"),
        (f'"POST /hooks/telegram/{SECRET} HTTP/1.1" 204', f'"POST /hooks/telegram/{MASK} HTTP/1.1" 204'),
        (f"POST /hooks/africastalking/{SECRET}/inbound 204", f"POST /hooks/africastalking/{MASK}/inbound 204"),
        ("GET /publications/Nw.ahX2-q.sig_7/3/csv", f"GET /publications/{MASK}/3/csv"),
        ("GET /reach/publications/3", "GET /reach/publications/3"),
        (f"Bearer fp_{SECRET}AbC", f"Bearer fp_{MASK}"),
    ],
)
def test_what_names_somebody_or_opens_something_is_masked(line: str, masked: str) -> None:
    assert mask(line) == masked


@pytest.mark.parametrize(
    "line", ["POST /hooks/twilio/inbound 204", "POST /hooks/twilio/status 403", "run 7 of 12, lane 3", "fp_short"]
)
def test_what_an_operator_needs_stays(line: str) -> None:
    assert mask(line) == line


def test_arguments_and_exceptions_are_masked_too() -> None:
    try:
        raise ValueError("olena@example.org")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "asked %s", ("/hooks/telegram/s3cret",), info)
    assert MaskingFilter().filter(record)
    assert record.getMessage() == f"asked /hooks/telegram/{MASK}"
    assert "olena" not in (record.exc_text or "")
