"""The worker tells members by mail of all that cannot wait until they sign in: whoever waits first."""

from __future__ import annotations

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.mail.smtp import Mailer
from campaigns.core.settings import Settings
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.urgent_run_mails import send_urgent_run_mails


def tell_members(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Send the mails about people who wait, then those about urgent runs; return how many were taken."""
    taken = send_mails(sessions, settings, mailer)
    return taken + send_urgent_run_mails(sessions, settings, mailer)
