"""Verifies and reads what Twilio posts: status callbacks and messages from people, on SMS and WhatsApp.

A handle is never taken for a phone number: people on WhatsApp may have none.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from multidict import MultiDict
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from campaigns.gateways.callbacks import (
    Callback,
    Happening,
    Inbound,
    InboundMedia,
    MediaKind,
    StatusUpdate,
    Verdict,
)
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio.error_codes import action_for

#: Fields of a callback that tell who somebody is or where, or are read into fields of their own.
_NOT_KEPT = frozenset(
    (
        *("From", "To", "ChannelToAddress", "WaId", "ProfileName", "ExternalUserId", "ChannelMetadata"),
        *("OriginalRepliedMessageSender", "FromCity", "FromState", "FromZip"),
        *("Latitude", "Longitude", "Address", "Label"),
        *("Body", "ButtonPayload", "ButtonText", "ListId", "ListTitle", "InteractiveData"),
    )
)
#: Statuses of what people write.
_OF_PEOPLE = ("receiving", "received")
#: Fields in which the provider writes sentences, perhaps with a number in them.
_SENTENCES = frozenset({"ChannelStatusMessage", "ErrorMessage"})
_NUMBER = re.compile(r"\+?\d{7,15}")
#: A shorter handle (a short code) may be part of anything.
_SHORTEST_SECRET = 6
_HIDDEN = "…"
#: The names of headers, as they are looked for.
_SIGNATURE, _SIGNATURE_SETTINGS = SIGNATURE_HEADER.lower(), SIGNATURE_SETTINGS_HEADER.lower()
_BODY_HASH = re.compile(r"[?&]bodySHA256=[0-9a-f]{64}(?:&|$)")
#: The end of the address of a file: the message and the file themselves, wherever the rest says they are.
_MEDIA = re.compile(r"/Messages/((?:MM|SM)[0-9a-f]{32})/Media/(ME[0-9a-f]{32})(?:\.json)?")
#: So many files one message has at most.
_MOST_MEDIA = 10
_KINDS = {"audio": MediaKind.VOICE, "image": MediaKind.PICTURE, "video": MediaKind.FILM}
#: The shortest text that is taken for base64 of another one, and what that may hold beside letters and signs.
_BASE64 = re.compile(r"(?=.{60})[A-Za-z0-9+/]+={0,2}")
_LINE_ENDS = "\t\r\n"


class TwilioCallbacks:
    """Reads the callbacks of Twilio accounts; each signs with its own token."""

    name = "twilio"
    is_signed = True

    def __init__(self, credentials: Sequence[Credential]) -> None:
        self._credentials = [(each, RequestValidator(each.token)) for each in credentials]

    def judge(self, callback: Callback) -> Verdict:
        """Compare X-Twilio-Signature with the raw URL and form; see CallbackReader.judge."""
        credential = self._signing(callback)
        if credential is None:
            return Verdict.FORGED
        return Verdict.REHEARSAL if credential.is_rehearsal else Verdict.GENUINE

    def account_of(self, callback: Callback) -> str:
        """Return the account whose token signed it; see CallbackReader.account_of."""
        credential = self._signing(callback)
        return credential.account if credential else ""

    def _signing(self, callback: Callback) -> Credential | None:
        """Return the credential that signed a callback, of the account that the callback names if it names one."""
        is_json = _is_json(callback)
        account = None if is_json else dict(callback.form).get("AccountSid")
        for credential, validator in self._credentials:
            if account in (None, credential.account) and _is_signed(callback, validator, is_json=is_json):
                return credential
        return None

    def read_statuses(self, callback: Callback) -> list[StatusUpdate]:
        """Return what a status callback says; see CallbackReader.read_statuses. In JSON none is told."""
        fields = dict(callback.form)
        if _is_json(callback) or _status_in(fields) in _OF_PEOPLE:
            return []
        error = fields.get("ErrorCode") or None
        update = StatusUpdate(
            reference=callback.reference,
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            status=_status_in(fields),
            error=error,
            raw=_kept(fields, _channel_and_handle(fields.get("To", ""))[1]),
            action=action_for(error, synchronous=False) if error else None,
        )
        return [update]

    def read_inbound(self, callback: Callback) -> list[Inbound]:
        """Return what a person wrote, shared or pressed; see CallbackReader.read_inbound. In JSON none is told."""
        fields = dict(callback.form)
        # A report comes from a number of ours, and is nobody's words.
        if _is_json(callback) or _status_in(fields) not in ("", *_OF_PEOPLE):
            return []
        channel, from_handle = _writer_of(fields)
        location, payload, label = _location_in(fields), _payload_in(fields), _label_in(fields)
        inbound = Inbound(
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            from_handle=from_handle,
            to_handle=_channel_and_handle(fields.get("To", ""))[1],
            text=label or words_in(fields.get("Body", ""), channel),
            channel=channel,
            raw=_kept(fields, from_handle),
            happening=_happening(has_location=location is not None, has_button=bool(payload or label)),
            location=location,
            payload=payload,
            media=_media_in(fields),
            other_handle=_other_handle(fields, from_handle),
        )
        return [inbound]


def _is_signed(callback: Callback, validator: RequestValidator, *, is_json: bool) -> bool:
    """Say whether the signature fits; the validator of Twilio's package has the last word.

    It reads the address in several ways and signs twice, at some 80 µs; nearly every genuine callback is signed
    over the address just as it was called, which costs a tenth of that to see.
    """
    signature = callback.headers.get(_SIGNATURE, "")
    settings = callback.headers.get(_SIGNATURE_SETTINGS)
    try:
        if is_json:
            # Its body is proved by a hash in the address; without one nothing proves it.
            text = callback.body.decode()
            is_hashed = _BODY_HASH.search(callback.url) is not None
            return is_hashed and bool(
                validator.validate(callback.url, text, signature, get_signature_algorithm(settings))
            )
        if not settings and hmac.compare_digest(_signature_of(callback, validator.token), signature.encode()):
            return True
        algorithm = get_signature_algorithm(settings)
        return bool(validator.validate(callback.url, MultiDict(callback.form), signature, algorithm))
    except ValueError:
        # A URL that is none, or text that is no Unicode: nothing Twilio signs.
        return False


def _is_json(callback: Callback) -> bool:
    return callback.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _signature_of(callback: Callback, token: bytes) -> bytes:
    """Return the signature of a callback to exactly its address (Twilio: webhooks security)."""
    fields = "".join([name + value for name, value in sorted(set(callback.form))])
    return b64encode(hmac.digest(token, (callback.url + fields).encode(), "sha1"))


def _kept(fields: Mapping[str, str], handle: str) -> dict[str, str]:
    """Return the fields that may be stored, with `handle` taken out wherever it stands."""
    secret = handle.removeprefix("+")
    kept = {name: value for name, value in fields.items() if name not in _NOT_KEPT}
    for name in _SENTENCES & kept.keys():
        kept[name] = _NUMBER.sub(_HIDDEN, kept[name])
    if len(secret) < _SHORTEST_SECRET:
        return kept
    return {name: value.replace(secret, _HIDDEN) for name, value in kept.items()}


def _status_in(fields: Mapping[str, str]) -> str:
    """Return the status; a read receipt of WhatsApp may name it only as an event."""
    if fields.get("EventType") == "READ":
        return "read"
    return fields.get("MessageStatus") or fields.get("SmsStatus", "")


def _writer_of(fields: Mapping[str, str]) -> tuple[str, str]:
    """Return the channel and handle of who wrote; somebody without a number is known by an id of WhatsApp's."""
    channel, handle = _channel_and_handle(fields.get("From", ""))
    if handle:
        return channel, handle
    user_id = _channel_and_handle(fields.get("ExternalUserId", ""))[1]
    return ("whatsapp", user_id) if user_id else (_channel_and_handle(fields.get("To", ""))[0], "")


def _other_handle(fields: Mapping[str, str], handle: str) -> str:
    """Return the id of WhatsApp's for somebody who shows a number: they may be known by it, from before."""
    user_id = _channel_and_handle(fields.get("ExternalUserId", ""))[1]
    return "" if user_id == handle else user_id


def _location_in(fields: Mapping[str, str]) -> tuple[float, float] | None:
    """Return the place that was shared, in degrees, or None when there is none on Earth."""
    try:
        latitude, longitude = float(fields.get("Latitude", "")), float(fields.get("Longitude", ""))
    except ValueError:
        return None
    return (latitude, longitude) if -90 <= latitude <= 90 and -180 <= longitude <= 180 else None


def _media_in(fields: Mapping[str, str]) -> tuple[InboundMedia, ...]:
    """Return the files of a message; an address that is none of Twilio's names a file that cannot be had."""
    count = fields.get("NumMedia", "")
    most = min(int(count), _MOST_MEDIA) if count.isascii() and count.isdigit() else 0
    return tuple(
        media_of(fields.get(f"MediaUrl{place}", ""), fields.get(f"MediaContentType{place}", ""))
        for place in range(most)
    )


def words_in(body: str, channel: str) -> str:
    """Return what somebody wrote: Twilio hands some SMS of several parts over as base64 of their text."""
    packed = "".join(body.splitlines()).strip()
    if channel != "sms" or len(packed) % 4 or not _BASE64.fullmatch(packed):
        return body
    raw = b64decode(packed)
    text = raw.decode(errors="ignore")
    # Its last letter may be cut; whatever else is no text means what it says: AAAA… is a cry.
    is_text = len(raw) - len(text.encode()) < 4 and all(each >= " " or each in _LINE_ENDS for each in text)
    return text if is_text else body


def media_of(address: str, content_type: str) -> InboundMedia:
    """Return a file of Twilio's by its address and its type, as both are told."""
    found = _MEDIA.search(address)
    kind = _KINDS.get(content_type.partition("/")[0].strip().lower(), MediaKind.FILE)
    return InboundMedia(kind, "/".join(found.groups()) if found else "")


def _payload_in(fields: Mapping[str, str]) -> str:
    return fields.get("ButtonPayload") or fields.get("ListId", "")


def _label_in(fields: Mapping[str, str]) -> str:
    return fields.get("ButtonText") or fields.get("ListTitle", "")


def _happening(*, has_location: bool, has_button: bool) -> Happening:
    if has_location:
        return Happening.SHARED_LOCATION
    return Happening.PRESSED_BUTTON if has_button else Happening.WROTE


def _channel_and_handle(address: str) -> tuple[str, str]:
    prefix, colon, handle = address.partition(":")
    return (prefix, handle) if colon else ("sms", address)
