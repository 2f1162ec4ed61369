"""Message resources, and pages of them, are written as Twilio's JSON."""

import json
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from campaigns.sandbox.world.sandbox_errors import words
from campaigns.sandbox.world.state import Message

ROOT = "/2010-04-01/Accounts"
#: Made once: `json.dumps` makes an encoder for each call that asks for anything else than its defaults.
_encode = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(maxsize=8192)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=False).replace("-0000", "+0000")


def rfc2822(moment: float | None) -> str | None:
    """Return a time as `Tue, 24 Nov 2026 22:42:19 +0000`, or None."""
    return None if moment is None else _http_date(int(moment))


def message_dict(message: Message) -> dict[str, Any]:
    """Return a message with the keys and types of Twilio's resource."""
    account = message.account
    uri = f"{ROOT}/{account}/Messages/{message.sid}"
    price = message.price
    return {
        "body": "" if message.is_redacted else message.body,
        "num_segments": str(message.parts),
        "direction": message.direction,
        "from": message.sender,
        "date_updated": rfc2822(message.updated_at),
        "price": None if price is None else f"{-price:.5f}",
        "error_message": words(message.code, to=message.to, sender=message.sender or "") if message.code else None,
        "uri": f"{uri}.json",
        "account_sid": account,
        "num_media": str(message.num_media),
        "to": message.to,
        "date_created": rfc2822(message.created_at),
        "status": message.status,
        "sid": message.sid,
        "date_sent": rfc2822(message.sent_at),
        "messaging_service_sid": message.service,
        "error_code": message.code or None,
        "price_unit": None if price is None else "USD",
        "api_version": "2010-04-01",
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def message_body(message: Message) -> bytes:
    """Return a message as JSON."""
    return _encode(message_dict(message)).encode()
