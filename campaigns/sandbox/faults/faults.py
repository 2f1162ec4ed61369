"""A Plan says what goes wrong with a call: armed faults, magic numbers, suffix numbers and chance make it."""

from functools import cache
from random import Random

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.create_call import Call
from campaigns.sandbox.world.chance import dice
from campaigns.sandbox.world.plan import NO_RECEIPT, Order, Plan
from campaigns.sandbox.world.profile import DELIVERED, Outcome, Profile
from campaigns.sandbox.world.sandbox_errors import known_codes
from campaigns.sandbox.world.state import Provider, World

_MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
_MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
_TEST_SENDER = "+15005550006"

#: These end a message before it is sent; every other 30xxx comes back from the network after it.
_FAILED_UNSENT = frozenset((30001, 30002, 30007, 30036))

_SUFFIX_PLANS = {
    "99999": Plan(after="close", outcome=DELIVERED, is_exact=True),
    "99998": Plan(before="close", is_exact=True),
    "99997": Plan(after="late", outcome=DELIVERED, is_exact=True),
    "99996": Plan(after="503", outcome=DELIVERED, is_exact=True),
    "99995": Plan(before="503", is_exact=True),
    "99502": Plan(before="502", is_exact=True),
    "99201": Plan(order="early", outcome=DELIVERED, is_exact=True),
    "99202": Plan(order="reversed", outcome=DELIVERED, is_exact=True),
    "99203": Plan(copies=3, outcome=DELIVERED, is_exact=True),
    "99204": Plan(outcome=NO_RECEIPT, is_exact=True),
    "99205": Plan(is_silent=True, outcome=DELIVERED, is_exact=True),
    "99206": Plan(turns_delivered=True, outcome=("undelivered", 30003), is_exact=True),
    "99207": Plan(is_badly_signed=True, outcome=DELIVERED, is_exact=True),
    "99208": Plan(is_strange=True, outcome=DELIVERED, is_exact=True),
    "99209": Plan(is_per_part=True, outcome=DELIVERED, is_exact=True),
}
_ONCE_TOO_FAST = Plan(error=20429, is_exact=True)
_FINE = Plan(outcome=DELIVERED, is_exact=True)
_PLAIN = Plan()


def plan_call(world: World, armed: ArmedFaults, call: Call) -> tuple[Plan, Random]:
    """Decide what happens to a call: an armed fault first, then a magic or suffix number, then chance."""
    nth = world.count_call(call.to, call.intent)
    luck = dice(world.seed, call.to, call.intent, nth)
    plan = armed.draw("create", call.to, call.sender or call.service, luck)
    if plan is None:
        plan = _magic_plan(call)
    if plan is None and world.fixture.suffixes:
        plan = suffix_plan(call.to, nth)
    return plan or _chance_plan(world.profile_for(call.to), luck), luck


def plan_elsewhere(
    world: World, armed: ArmedFaults, *, provider: Provider, to: str, sender: str
) -> tuple[Plan, Random]:
    """Decide what happens to a message at another provider, whose calls carry no intent; order as `plan_call`."""
    nth = world.count_call(to, provider)
    luck = dice(world.seed, to, provider, nth)
    plan = armed.draw("create", to, sender, luck, provider)
    if plan is None and world.fixture.suffixes:
        plan = suffix_plan(to, nth)
    return plan or _chance_plan(world.profile_for(to), luck), luck


def _magic_plan(call: Call) -> Plan | None:
    """Return the plan of Twilio's magic numbers; with test credentials every other sender is refused."""
    code = _MAGIC_FROM.get(call.sender) or _MAGIC_TO.get(call.to, 0)
    if not code and call.is_test and call.sender not in ("", _TEST_SENDER):
        code = 21606
    return Plan(error=code, is_exact=True) if code else None


def suffix_plan(to: str, nth: int) -> Plan | None:
    """Return the plan of a number that ends in `00` and a five-digit code, or None for any other number."""
    if to[-7:-5] != "00" or not to[-5:].isascii() or not to[-5:].isdigit():
        return None
    if to.endswith("99429"):
        return _ONCE_TOO_FAST if nth == 1 else _FINE
    return _SUFFIX_PLANS.get(to[-5:]) or _code_plan(int(to[-5:]))


@cache
def _code_plan(code: int) -> Plan | None:
    if code // 1000 == 35 or (code // 10_000 == 2 and code in known_codes() and code not in (20500, 20503)):
        return Plan(error=code, is_exact=True)
    if code // 1000 in (30, 63):
        return Plan(outcome=outcome_of(code), is_exact=True)
    return None


def outcome_of(code: int) -> Outcome:
    """Return how a message ends that meets an asynchronous error code."""
    is_from_network = code // 1000 == 30 and code not in _FAILED_UNSENT
    return ("undelivered" if is_from_network else "failed"), code


def _chance_plan(profile: Profile, luck: Random) -> Plan:
    """Draw a plan; the draws are always the same in number, so that one share does not disturb the next."""
    draws = [luck.random() for _ in range(5)]
    latency = profile.latency.draw(luck)
    if draws[0] < profile.fail_before_p:
        return Plan(before="close")
    if draws[1] < profile.http_503_p:
        return Plan(before="503")
    order: Order = "shuffled" if draws[4] < profile.callback.shuffle_p else ""
    if draws[2] < profile.drop_response_p:
        return Plan(after="close", order=order)
    if draws[3] < profile.http_503_after_p:
        return Plan(after="503", order=order)
    return Plan(latency_s=latency, order=order) if latency or order else _PLAIN
