"""A create call is checked in Twilio's order, and the first check that fails is the answer."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from campaigns.sandbox.faults.create_call import Call
from campaigns.sandbox.world.fixture import channel_of
from campaigns.sandbox.world.state import World

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
#: WhatsApp people have a number or, from 2026, an id of their own behind their country.
_CHANNEL = re.compile(r"(whatsapp|rcs):\+[1-9]\d{6,14}|whatsapp:[A-Z]{2}\.[0-9A-Za-z_-]{1,125}|messenger:\S+")
_SID = re.compile(r"MG[0-9a-f]{32}")

#: With a Messaging Service these come later, as a failed message with the code on the right.
LATER_WITH_SERVICE = {21610: 21610, 21611: 30001}

#: The magic sender that exists, so that its full queue can be met further down.
_FULL_SENDER = "+15005550008"

#: What Twilio's magic numbers begin with: each has an answer of its own.
_MAGIC = "+1500555"
_SOONEST_S, _LATEST_S = 300, 35 * 86_400
_MOST_MEDIA = 10


def first_error(world: World, call: Call, planned: int) -> int:
    """Return the code of the first failing check, 0 when all pass; a `planned` code fires at its own place."""
    if planned in LATER_WITH_SERVICE and call.service:
        planned = 0
    for codes, check in _CHECKS:
        if planned and planned in codes:
            return planned
        code = check(world, call)
        if code:
            return code
    return planned


def _rate(world: World, call: Call) -> int:
    return 0 if world.buckets[call.account].take() else 20429


def _required(_world: World, call: Call) -> int:
    if not call.to:
        return 21604
    if not call.sender and not call.service:
        return 21603
    return 0 if call.body or call.media or call.content_sid else 21602


def _recipient(_world: World, call: Call) -> int:
    return 0 if _NUMBER.fullmatch(call.to) or _CHANNEL.fullmatch(call.to) else 21211


def _sender(world: World, call: Call) -> int:
    if not call.sender or call.is_test or call.sender == _FULL_SENDER:
        return 0
    if call.sender == call.to:
        return 63031 if ":" in call.to else 21266
    queue = world.senders.get(call.sender) or world.adopt_sender(call.sender)
    if queue and queue.sender.account in ("", call.account):
        return 0 if channel_of(call.sender) == channel_of(call.to) else 21910
    if ":" in call.sender:
        return 63007
    return 21606 if _NUMBER.fullmatch(call.sender) or call.sender.isalnum() else 21212


def _service(world: World, call: Call) -> int:
    if not call.service:
        return 0
    service = world.services.get(call.service) or world.adopt_service(call.service)
    if service is None or not _SID.fullmatch(call.service) or service.account not in ("", call.account):
        return 21701
    if not service.pool:
        return 21704
    return 0 if call.sender or world.pool_for(call.service, call.to) else 21703


def _content(world: World, call: Call) -> int:
    if len(call.body) > 1600:
        return 21617
    if call.media > _MOST_MEDIA:
        return 21623
    if not call.validity_s:
        return 21624
    return 0 if _is_callback_url(call.callback_url) else 21609


def _is_callback_url(url: str) -> bool:
    if not url:
        return True
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and "_" not in host


def _template(world: World, call: Call) -> int:
    if call.content_sid and world.contents.find(call.account, call.content_sid) is None:
        return 21655
    return 21656 if call.content_variables and read_variables(call) is None else 0


def read_variables(call: Call) -> dict[str, str] | None:
    """Return ContentVariables, empty when there are none, or None when they are no JSON object of texts."""
    if not call.content_variables:
        return {}
    try:
        variables = json.loads(call.content_variables)
    except ValueError:
        return None
    fits = isinstance(variables, dict) and all(isinstance(value, str) for value in variables.values())
    return variables if fits else None


def _schedule(world: World, call: Call) -> int:
    if not call.is_scheduled:
        return 0
    if not call.service:
        return 35118
    moment = send_at(call)
    if moment is None:
        return 35114
    lead = moment - world.timeline.now()
    return 0 if _SOONEST_S <= lead <= _LATEST_S else 35115


def send_at(call: Call) -> float | None:
    """Return SendAt as seconds since the epoch, or None when it cannot be read."""
    try:
        moment = datetime.fromisoformat(call.send_at)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _country(world: World, call: Call) -> int:
    countries = world.fixture.countries
    return 0 if countries is None or ":" in call.to or call.to.startswith(countries) else 21408


def _landline(world: World, call: Call) -> int:
    return 21614 if world.fixture.landlines and call.to.startswith(world.fixture.landlines) else 0


def _opt_out(world: World, call: Call) -> int:
    return 21610 if not call.service and world.is_blocked(call.to, call.sender) else 0


def _queue(world: World, call: Call) -> int:
    queue = world.senders.get(call.sender)
    if call.service or queue is None:
        return 0
    return 21611 if queue.waiting_s(world.timeline.now()) > world.fixture.queue_s else 0


def _pair(_world: World, call: Call) -> int:
    """Refuse a name as the sender to North America, where every sender has a number."""
    is_name = bool(call.sender) and ":" not in call.sender and not call.sender.lstrip("+").isdigit()
    return 21612 if is_name and call.to.startswith("+1") and not call.to.startswith(_MAGIC) else 0


_CHECKS: tuple[tuple[frozenset[int], Callable[[World, Call], int]], ...] = (
    (frozenset((20003, 20429)), _rate),
    (frozenset((21604, 21603, 21602)), _required),
    (frozenset((21211,)), _recipient),
    (frozenset((21606, 21212, 21266, 21910, 63031)), _sender),
    (frozenset((21701, 21703, 21704)), _service),
    (frozenset((21617, 21623, 21624, 21609)), _content),
    (frozenset((21655, 21656)), _template),
    (frozenset((35118, 35114, 35115)), _schedule),
    (frozenset((21408,)), _country),
    (frozenset((21612,)), _pair),
    (frozenset((21614,)), _landline),
    (frozenset((21610,)), _opt_out),
    (frozenset((21611,)), _queue),
)
