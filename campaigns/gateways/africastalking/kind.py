"""Africa's Talking sends SMS to one recipient a call, over the shared HTTP layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from campaigns.gateways.africastalking.callbacks import USERNAME, AfricasTalkingCallbacks, name_message
from campaigns.gateways.base import (
    Accepted,
    Action,
    Fence,
    Outgoing,
    RejectedError,
    SendError,
    UnknownOutcomeError,
)
from campaigns.gateways.kinds import Credential, Opening
from campaigns.gateways.transport.http import ProviderHttp, check_reply, current_fence, form_body, object_in
from campaigns.gateways.transport.provider_call import RawReply
from campaigns.gateways.unlisted import Unlisted

ORIGIN = "https://api.africastalking.com"
#: statusCodes of an accepted recipient, and our words for them: processed, sent, queued.
ACCEPTED = {"100": "queued", "101": "sent", "102": "queued"}
#: The other statusCodes by the answer's own names, and what each asks for. 500 to 502 are missing on purpose: a
#: fault in the middle of the work may have let the message out, and there is no list to look it up in.
REFUSALS = {
    "401": ("RiskHold", Action.PAUSE_SENDER),
    "402": ("InvalidSenderId", Action.PAUSE_SENDER),
    "403": ("InvalidPhoneNumber", Action.INVALIDATE_ADDRESS),
    "404": ("UnsupportedNumberType", Action.INVALIDATE_ADDRESS),
    "405": ("InsufficientBalance", Action.PAUSE_SENDER),
    "406": ("UserInBlacklist", Action.OPT_OUT),
    "407": ("CouldNotRoute", Action.OTHER_CHANNEL),
    "409": ("DoNotDisturbRejection", Action.OTHER_CHANNEL),
}
#: A call that is refused as a whole, in plain text: fields that are missing, and credentials that are wrong.
REFUSED_CALLS = {400: Action.PAUSE_RUN, 401: Action.PAUSE_SENDER}


class AfricasTalking(Unlisted):
    """The gateway to one account."""

    name = AfricasTalkingCallbacks.name

    def __init__(self, credential: Credential, *, origin: str, http: ProviderHttp) -> None:
        self._credential = credential
        self._stem = f"{(origin or ORIGIN).rstrip('/')}/version1"
        self._http = http

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Send one text to one number; see Gateway.send."""
        current_fence.set(fence)
        form = {"to": outgoing.to, "message": outgoing.body, "from": outgoing.sender}
        form |= {"username": self._credential.account, "bulkSMSMode": "1", "enqueue": "1"}
        code, message_id = _read(await self._post(form))
        if code not in ACCEPTED:
            raise _failure_of(code)
        if message_id in ("", "None"):
            raise UnknownOutcomeError("no_provider_id")
        named = name_message(message_id, self._credential)
        return Accepted(provider_id=named, status=ACCEPTED[code], reference=named)

    async def ask_account(self) -> str:
        """Return the user name, which is what the account is called; see Answering.ask_account."""
        current_fence.set(None)
        user = {"username": self._credential.account}
        reply = self._checked(
            await self._http.request("GET", f"{self._stem}/user", query=user, headers=self._headers())
        )
        if not isinstance(object_in(reply.text).get("UserData"), dict):
            raise UnknownOutcomeError("broken_reply")
        return self._credential.account

    async def _post(self, form: Mapping[str, str]) -> RawReply:
        headers = self._headers() | {"Content-Type": "application/x-www-form-urlencoded"}
        return self._checked(
            await self._http.request("POST", f"{self._stem}/messaging", body=form_body(form), headers=headers)
        )

    def _headers(self) -> dict[str, str]:
        return {"apiKey": self._credential.token, "Accept": "application/json"}

    def _checked(self, reply: RawReply) -> RawReply:
        """Return a reply that may be read; raise a SendError for a call that was refused as a whole."""
        if reply.status in REFUSED_CALLS and reply.content_type != "text/html":
            raise RejectedError(f"http_{reply.status}", REFUSED_CALLS[reply.status])
        check_reply(reply)
        return reply

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()


class AfricasTalkingKind:
    """Africa's Talking as a kind of gateway."""

    name = AfricasTalkingCallbacks.name
    title = "Africa's Talking"
    channels = ("sms",)
    reaches_people = True
    sandbox_account = "sandbox"
    has_status_url = False
    hook_fragment = ""
    is_told_by_us = False

    def open(self, opening: Opening) -> AfricasTalking:
        """Return the gateway to one account."""
        http = ProviderHttp(connections=opening.connections)
        return AfricasTalking(opening.credential, origin=opening.origin, http=http)

    def reader(self, credentials: Sequence[Credential]) -> AfricasTalkingCallbacks | None:
        """Return the reader of the accounts among `credentials` that can be Africa's Talking's."""
        accounts = [each for each in credentials if USERNAME.fullmatch(each.account)]
        return AfricasTalkingCallbacks(accounts) if accounts else None

    def templates(self, opening: Opening) -> None:
        """Return None: any text may be sent."""


KIND = AfricasTalkingKind()


def _read(reply: RawReply) -> tuple[str, str]:
    """Return statusCode and messageId of the one recipient; an answer without any has a sentence instead."""
    try:
        answer = json.loads(reply.text)["SMSMessageData"]
        if not answer["Recipients"]:
            return str(answer["Message"]), ""
        (recipient,) = answer["Recipients"]
        return str(recipient["statusCode"]), str(recipient.get("messageId", ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnknownOutcomeError("broken_reply") from error


def _failure_of(word: str) -> SendError:
    """Classify the statusCode of a recipient who was not accepted, or the name that stands in its place."""
    for code, (name, action) in REFUSALS.items():
        if word in (code, name):
            return RejectedError(name, action)
    if word.isdecimal() and word.startswith("4"):
        return RejectedError(f"status_{word}"[:40], Action.PAUSE_RUN)
    return UnknownOutcomeError(f"status_{word}"[:40] if word.isdecimal() else "no_recipient")
