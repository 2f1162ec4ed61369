"""Mail goes to the server that is configured, and to nobody when none is."""

from __future__ import annotations

import logging

import pytest

from campaigns.core.errors import SettingsError, UnavailableError
from campaigns.core.mail import compose, make_mailer

MESSAGE = compose(sender="R <r@example.org>", to="p@example.org", subject="New report", text="Here.")


def test_without_a_server_the_log_tells_no_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        make_mailer("")(MESSAGE)
    assert "New report" in caplog.text
    assert "p@example.org" not in caplog.text


@pytest.mark.parametrize("address", ["mail.example.org", "http://mail.example.org", "smtp://"])
def test_wrong_server_is_a_wrong_setting(address: str) -> None:
    with pytest.raises(SettingsError, match="smtp_url"):
        make_mailer(address)


def test_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnavailableError, match="did not take"):
        make_mailer("smtp://127.0.0.1:9")(MESSAGE)


def test_mail_says_that_a_machine_wrote_it() -> None:
    assert MESSAGE["Auto-Submitted"] == "auto-generated"
