"""Sends a short text by e-mail: over SMTP when a server is configured, else it tells the log that it did not."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from campaigns.core.errors import RecipientRefusedError, SettingsError, UnavailableError

#: Seconds after which a server that says nothing is given up.
TIMEOUT = 10

#: Hands over one message; raises UnavailableError when it was not taken, RecipientRefusedError for its address.
Mailer = Callable[[EmailMessage], None]

_log = logging.getLogger(__name__)


def make_mailer(address: str) -> Mailer:
    """Return what sends to the server at `address` (smtps://user:password@host:465, or smtp:// for STARTTLS).

    Without one nothing is sent: the log says that there was a mail, never to whom. Raises SettingsError.
    """
    if not address:
        return _write_to_log
    server = urlsplit(address)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise SettingsError("smtp_url is smtps://user:password@host or smtp://user:password@host.")
    return lambda message: _send(message, address)


def is_address(text: str) -> bool:
    """Say whether a mail can be written to an address at all (RFC 5322); whether it arrives nobody knows."""
    try:
        return Address(addr_spec=text).addr_spec == text
    except (AttributeError, IndexError, MessageError, ValueError):
        # The first two are mistakes of the parser at what it cannot read.
        return False


def compose(*, sender: str, to: str, subject: str, text: str, mark: str = "") -> EmailMessage:
    """Return a message of plain text that asks for no answer by machines (RFC 3834).

    A mark is its Message-ID, which a report returns when it does not arrive. Raises RecipientRefusedError for an
    address of an earlier version to which no mail can be written.
    """
    if not is_address(to):
        raise RecipientRefusedError("No mail can be written to this address.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Auto-Submitted"] = "auto-generated"
    if mark:
        message["Message-ID"] = f"<{mark}@{parseaddr(sender)[1].rpartition('@')[2] or 'localhost'}>"
    message.set_content(text)
    return message


def _write_to_log(message: EmailMessage) -> None:
    _log.info("no mail server is configured; a mail was not sent: %s", message["Subject"])


def _send(message: EmailMessage, address: str) -> None:
    server = urlsplit(address)
    try:
        with _connected(server.scheme, server.hostname or "", server.port) as smtp:
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        answers = list(error.recipients.values())
        kind = RecipientRefusedError if all(_is_of_address(*each) for each in answers) else UnavailableError
        raise kind("The mail server did not take the message.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError("The mail server did not take the message.") from error


def _is_of_address(code: int, told: bytes) -> bool:
    """Say whether a refusal is for good, and of the address: 5.7 is of whoever sends (RFC 3463)."""
    return code >= 500 and not told.startswith(b"5.7.")


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT, context=context)
    smtp = smtplib.SMTP(host, port or 587, timeout=TIMEOUT)
    # A server on this machine may have no certificate; nothing leaves it in the clear.
    if host not in ("127.0.0.1", "::1", "localhost"):
        smtp.starttls(context=context)
    return smtp
