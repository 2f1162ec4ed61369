"""One table says in words why a message failed, by providers' codes and our own, and what that means."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from campaigns.gateways.base import Action
from campaigns.gateways.twilio.error_codes import action_for, words_for

_UNREACHABLE = _l("The provider could not be reached")
_REPLY_LOST = _l("The provider's answer was lost")
_NO_SUCH_NUMBER = _l("The number does not exist or is not in use")
_NO_SMS = _l("A landline, or a number that takes no messages")
_TOO_BUSY = _l("The provider was too busy")
_OPTED_OUT = _l("The person opted out or blocked us")
_REFUSED_SENDER = _l("This sender may not write to that destination")

_NOT_THERE = _l("The person is not on this channel")
_OUR_FAULT = _l("Our settings or text were refused")
_NO_MONEY = _l("Our account at the provider has no money left")

CAUSES: dict[str, LazyString] = {
    "": _l("Nobody gave a reason"),
    # Our own words for a call that went wrong.
    "name_not_found": _UNREACHABLE,
    "refused": _UNREACHABLE,
    "connect_timeout": _UNREACHABLE,
    "tls": _UNREACHABLE,
    "timeout": _REPLY_LOST,
    "disconnected": _REPLY_LOST,
    "broken_reply": _REPLY_LOST,
    "content_type": _REPLY_LOST,
    "no_provider_id": _REPLY_LOST,
    "429": _TOO_BUSY,
    "no_credential": _l("The provider key of the sender is missing here"),
    "not_owned": _l("The provider key of the sender belongs to another organisation, or to none"),
    "not_opened": _l("The sender cannot be opened here"),
    # Codes of Twilio.
    "20003": _l("The provider refused our provider key"),
    "20429": _TOO_BUSY,
    "21211": _NO_SUCH_NUMBER,
    "21214": _NO_SUCH_NUMBER,
    "21217": _NO_SUCH_NUMBER,
    "21408": _l("Our account may not send to that country"),
    "21606": _REFUSED_SENDER,
    "21610": _OPTED_OUT,
    "21611": _TOO_BUSY,
    "21612": _REFUSED_SENDER,
    "21614": _NO_SMS,
    "21617": _l("The text is too long"),
    "21635": _NO_SMS,
    "30001": _l("The provider's queue was full"),
    "30002": _l("Our account is suspended"),
    "30003": _l("The phone was off or out of reach"),
    "30004": _l("The mobile network blocked the message"),
    "30005": _NO_SUCH_NUMBER,
    "30006": _NO_SMS,
    "30007": _l("The mobile network filtered the text as spam"),
    "30008": _l("The mobile network gave no reason"),
    "30018": _l("That country wants the sender registered"),
    "30036": _l("It waited too long at the provider"),
    "63003": _NOT_THERE,
    "63014": _OPTED_OUT,
    "63016": _l("The 24 hours for free text were over"),
    "63024": _NOT_THERE,
    "63033": _OPTED_OUT,
    # Our words for what Telegram refuses (gateways/telegram/telegram_refusals.py).
    "telegram_blocked": _OPTED_OUT,
    "telegram_deactivated": _NO_SUCH_NUMBER,
    "telegram_no_chat": _NOT_THERE,
    "telegram_no_person": _NOT_THERE,
    "telegram_not_started": _NOT_THERE,
    "telegram_forbidden": _l("The provider refused the message"),
    "telegram_too_long": _l("The text is too long"),
    "telegram_bad_request": _OUR_FAULT,
    "telegram_refused": _OUR_FAULT,
    "telegram_token": _l("The provider refused our provider key"),
    "telegram_conflict": _l("Our sender was refused"),
    # Words of Africa's Talking, in replies and reports.
    "RiskHold": _l("Our sender was refused"),
    "InvalidSenderId": _l("Our sender was refused"),
    "InvalidPhoneNumber": _NO_SUCH_NUMBER,
    "UserDoesNotExist": _NO_SUCH_NUMBER,
    "UserIsInactive": _l("The phone was off or out of reach"),
    "UnsupportedNumberType": _NO_SMS,
    "InsufficientBalance": _NO_MONEY,
    "InsufficientCredit": _NO_MONEY,
    "UserInBlacklist": _OPTED_OUT,
    "UserInBlackList": _OPTED_OUT,
    "CouldNotRoute": _NOT_THERE,
    "NotNetworkSubscriber": _NOT_THERE,
    "DoNotDisturbRejection": _l("The mobile network blocked the message"),
    "http_400": _OUR_FAULT,
    "http_401": _l("The provider refused our provider key"),
}

#: What a code means that the table above has no sentence for.
MEANINGS: dict[Action, LazyString] = {
    Action.RETRY_LATER: _l("A passing fault of the provider or a mobile network"),
    Action.INVALIDATE_ADDRESS: _l("The address cannot be written to"),
    Action.OPT_OUT: _OPTED_OUT,
    Action.OTHER_CHANNEL: _NOT_THERE,
    Action.PAUSE_SENDER: _l("Our sender was refused"),
    Action.PAUSE_RUN: _OUR_FAULT,
    Action.GIVE_UP: _l("The provider refused the message"),
    Action.RECONCILE: _REPLY_LOST,
}

#: What became of a call that was no clean acceptance, or what repaired it, by the outcome of an attempt.
ATTEMPTS: dict[str, LazyString] = {
    "rejected": _l("The provider refused it"),
    "throttled": _l("The provider asked us to slow down"),
    "not_sent": _l("It was not handed to the provider"),
    "unknown": _l("No clear answer came"),
    "reaped": _l("Sending was interrupted: it may or may not have been sent"),
    "resent": _l("A member sent it again"),
    "fell_back": _l("This channel failed for good; it went on over the next sender"),
}
#: What the provider's list said, by the error of an attempt that is "reconciled".
LOOKS: dict[str, LazyString] = {
    "found": _l("The provider's list has it"),
    "absent": _l("The provider's list does not have it"),
    "ambiguous": _l("The provider's list has something that may be it"),
    "unbelieved": _l("The provider's list does not have it, but may be another account's or not complete"),
    "damaged": _l("The address is damaged, so the provider's list could not be asked"),
}

_UNKNOWN = _l("A reason we have no words for yet")


def cause_in_words(code: str) -> LazyString:
    """Return one sentence on why a message failed, for a member who knows no codes."""
    known = CAUSES.get(code)
    if known is not None:
        return known
    return MEANINGS[action_for(code, synchronous=False)] if words_for(code) else _UNKNOWN


def attempt_in_words(outcome: str, error: str | None) -> LazyString | str:
    """Return what an attempt was, for a member; an outcome without words stands as it is."""
    return LOOKS.get(error or "", outcome) if outcome == "reconciled" else ATTEMPTS.get(outcome, outcome)
