"""Mail goes to the server that is configured, and to nobody when none is."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaigns.core.errors import RecipientRefusedError, SettingsError, UnavailableError
from campaigns.core.mail import smtp
from campaigns.core.mail.smtp import compose, is_address, make_mailer

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


@pytest.mark.parametrize(
    "address", ["a@[example.org", "a,b@example.org", "a..b@example.org", "a@example..org", ""]
)
def test_mail_that_cannot_be_written_counts_as_refused(address: str) -> None:
    assert not is_address(address)
    with pytest.raises(RecipientRefusedError):
        compose(sender="R <r@example.org>", to=address, subject="New report", text="Here.")


def test_mail_says_that_a_machine_wrote_it() -> None:
    assert MESSAGE["Auto-Submitted"] == "auto-generated"


@contextmanager
def a_server(*answers: str) -> Iterator[int]:
    """Serve SMTP on a port: each line that is written is answered by the next of `answers`, then by nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _address = listening.accept()
            with connection, connection.makefile("rwb") as lines:
                for answer in answers:
                    lines.write(f"{answer}\r\n".encode())
                    lines.flush()
                    lines.readline()
                # Says nothing more until the other side gives up.
                lines.read()

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1]
        serving.join()


@pytest.mark.parametrize("answers", [(), ("220 hello",), ("220 hello", "250 hello", "250 sender")])
def test_server_that_hangs_is_given_up(answers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.2)
    with a_server(*answers) as port, pytest.raises(UnavailableError):
        make_mailer(f"smtp://127.0.0.1:{port}")(MESSAGE)


@pytest.mark.parametrize(
    ("answer", "is_of_address"),
    [
        ("550 nobody of this name", True),
        ("550 5.1.1 nobody of this name", True),
        ("450 4.2.0 greylisted", False),
        ("554 5.7.1 relay access denied", False),
    ],
)
def test_address_that_a_server_refuses_is_told(
    answer: str, is_of_address: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.5)
    answers = "220 hello", "250 hello", "250 sender", answer, "250 reset"
    with a_server(*answers) as port, pytest.raises(UnavailableError) as told:
        make_mailer(f"smtp://127.0.0.1:{port}")(MESSAGE)
    assert isinstance(told.value, RecipientRefusedError) == is_of_address
