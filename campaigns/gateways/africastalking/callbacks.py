"""Verifies and reads what Africa's Talking posts: delivery reports and messages from people."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from campaigns.core import clock
from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import Callback, Inbound, StatusUpdate, Verdict, hook_secret
from campaigns.gateways.kinds import Credential

#: An account's name; Twilio's ("AC…") and a Telegram bot's (digits) are none.
USERNAME = re.compile(r"(?!AC[0-9a-f]{32}$)[A-Za-z][\w.-]{0,63}")
MAX_AGE = timedelta(hours=48)
#: Words of its delivery reports, as receipts have them; others are kept as they came.
STATUSES = {
    "Buffered": "queued",
    "Submitted": "sent",
    "Sent": "sent",
    "Success": "delivered",
    "Rejected": "failed",
    "Failed": "undelivered",
    "Not sent or not delivered": "undelivered",
    "AbsentSubscriber": "undelivered",
    "Expired": "undelivered",
}
#: What the reasons of a failure ask for; any other only ends its message.
REASONS = {
    "UserInBlackList": Action.OPT_OUT,
    "UserDoesNotExist": Action.INVALIDATE_ADDRESS,
    "NotNetworkSubscriber": Action.OTHER_CHANNEL,
    "DoNotDisturbRejection": Action.OTHER_CHANNEL,
    "InsufficientCredit": Action.PAUSE_SENDER,
}

#: Fields that hold a handle or are read into fields of their own.
_NOT_KEPT = frozenset({"id", "from", "to", "text", "status", "phoneNumber"})


def name_message(message_id: str, credential: Credential) -> str:
    """Return the word by which a delivery and its reports know each other, at most 64 characters.

    Their reports carry no reference of ours; a rehearsal's begin with "r-", as its references do everywhere.
    """
    return (f"r-{message_id}" if credential.is_rehearsal else message_id)[:64]


class AfricasTalkingCallbacks:
    """Reads the callbacks of accounts; nothing is signed, so each account has a secret address."""

    name = "africastalking"
    is_signed = False

    def __init__(self, credentials: Sequence[Credential]) -> None:
        self._accounts = [(hook_secret(each.token), each) for each in credentials]

    def judge(self, callback: Callback) -> Verdict:
        """Compare the secret part of the address with each account's; see CallbackReader.judge."""
        account = self._account_of(callback)
        if account is None:
            return Verdict.FORGED
        if _is_stale(dict(callback.form).get("date", "")):
            return Verdict.STALE
        return Verdict.REHEARSAL if account.is_rehearsal else Verdict.GENUINE

    def account_of(self, callback: Callback) -> str:
        """Return the user name to whose address it came; see CallbackReader.account_of."""
        account = self._account_of(callback)
        return account.account if account else ""

    def read_statuses(self, callback: Callback) -> list[StatusUpdate]:
        """Return what a delivery report says; see CallbackReader.read_statuses."""
        fields, account = dict(callback.form), self._account_of(callback)
        if account is None or "status" not in fields:
            return []
        named = name_message(fields.get("id", ""), account)
        reason = fields.get("failureReason") or None
        action = REASONS.get(reason, Action.GIVE_UP) if reason else None
        status = STATUSES.get(fields["status"], fields["status"])
        if status == "undelivered" and action is Action.OTHER_CHANNEL:
            # It never got as far as a phone, so another channel cannot say it twice.
            status = "failed"
        return [StatusUpdate(named, named, status, reason, _kept(fields), action)]

    def read_inbound(self, callback: Callback) -> list[Inbound]:
        """Return the message a person sent; see CallbackReader.read_inbound."""
        fields = dict(callback.form)
        if not fields.get("from"):
            return []
        inbound = Inbound(
            provider_id=fields.get("id", "")[:64],
            from_handle=fields["from"],
            to_handle=fields.get("to", ""),
            text=fields.get("text", ""),
            channel="sms",
            raw=_kept(fields),
            said_at=_time_of(fields.get("date", "")),
        )
        return [inbound]

    def _account_of(self, callback: Callback) -> Credential | None:
        found = None
        for secret, account in self._accounts:
            if hmac.compare_digest(secret.encode(), callback.secret.encode()):
                found = account
        return found


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _NOT_KEPT}


def _is_stale(date: str) -> bool:
    """Say whether a message is too old to act on; a date that cannot be read does not make it so."""
    said_at = _time_of(date)
    return said_at is not None and said_at < clock.now() - MAX_AGE


def _time_of(date: str) -> datetime | None:
    """Return a date without a zone as UTC, None when it cannot be read."""
    try:
        sent = datetime.fromisoformat(date)
        return sent.astimezone(UTC) if sent.tzinfo else sent.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
