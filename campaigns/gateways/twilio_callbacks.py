"""Verifies and reads what Twilio posts: status callbacks and messages from people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multidict import MultiDict
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from campaigns.gateways.callbacks import Callback, Inbound, StatusUpdate, Verdict
from campaigns.gateways.codes import action_for
from campaigns.gateways.kinds import Credential

#: Fields of a callback that hold a handle or are read into fields of their own.
_NOT_KEPT = frozenset({"From", "To", "ChannelToAddress", "WaId", "ProfileName", "Body", "ExternalUserId"})


class TwilioCallbacks:
    """Reads the callbacks of Twilio accounts; each signs with its own token."""

    name = "twilio"

    def __init__(self, credentials: Sequence[Credential]) -> None:
        self._credentials = [(each, RequestValidator(each.token)) for each in credentials]

    def judge(self, callback: Callback) -> Verdict:
        """Compare X-Twilio-Signature with the raw URL and form; see CallbackReader.judge."""
        account = dict(callback.form).get("AccountSid")
        for credential, validator in self._credentials:
            if account in (None, credential.account) and _is_signed(callback, validator):
                return Verdict.REHEARSAL if credential.is_rehearsal else Verdict.GENUINE
        return Verdict.FORGED

    def read_statuses(self, callback: Callback) -> list[StatusUpdate]:
        """Return what a status callback says; see CallbackReader.read_statuses."""
        fields = dict(callback.form)
        error = fields.get("ErrorCode") or None
        update = StatusUpdate(
            reference=callback.reference,
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            status=fields.get("MessageStatus") or fields.get("SmsStatus", ""),
            error=error,
            raw=_kept(fields),
            action=action_for(error, synchronous=False) if error else None,
        )
        return [update]

    def read_inbound(self, callback: Callback) -> list[Inbound]:
        """Return the message a person sent; see CallbackReader.read_inbound."""
        fields = dict(callback.form)
        channel, from_handle = _channel_and_handle(fields.get("From", ""))
        inbound = Inbound(
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            from_handle=from_handle,
            to_handle=_channel_and_handle(fields.get("To", ""))[1],
            text=fields.get("Body", ""),
            channel=channel,
            raw=_kept(fields),
        )
        return [inbound]


def _is_signed(callback: Callback, validator: RequestValidator) -> bool:
    signature = callback.headers.get(SIGNATURE_HEADER.lower(), "")
    algorithm = get_signature_algorithm(callback.headers.get(SIGNATURE_SETTINGS_HEADER.lower()))
    try:
        return bool(validator.validate(callback.url, MultiDict(callback.form), signature, algorithm))
    except ValueError:
        # A URL that is none, or text that is no Unicode: nothing Twilio signs.
        return False


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _NOT_KEPT}


def _channel_and_handle(address: str) -> tuple[str, str]:
    prefix, colon, handle = address.partition(":")
    return (prefix, handle) if colon else ("sms", address)
