"""Every call of Twilio's surface but create passes this gate: credentials first, then armed faults."""

from aiohttp import web

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, refuse, spoil
from campaigns.sandbox.twilio.access import Access, Caller
from campaigns.sandbox.world.chance import dice
from campaigns.sandbox.world.state import Message, World


class Gate:
    """Lets calls in, or answers them itself."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._armed = armed
        self._access = Access(world.config)

    async def admit(self, request: web.Request, on: str, about: str = "") -> Caller | web.StreamResponse:
        """Return who calls, or the answer that ends the call; `on` and `about` are what armed faults match."""
        caller = self._access.caller_of(request)
        if caller.kind != "live":
            return refuse(20008 if caller.kind else 20003)
        nth = self._world.count_call(about, on)
        plan = self._armed.draw(on, about, "", dice(self._world.seed, about, on, nth))
        if plan is None:
            return caller
        if plan.error:
            return refuse(plan.error, retry_after=plan.retry_after, is_problem=plan.is_problem)
        failure = plan.before or plan.after
        return await spoil(request, failure) if failure and failure != "late" else caller

    async def admit_to_message(self, request: web.Request, on: str) -> Message | web.StreamResponse:
        """Return the message that the address names, if it is the caller's and there, or the answer."""
        caller = await self.admit(request, on, request.match_info["sid"])
        if not isinstance(caller, Caller):
            return caller
        message = self._world.by_sid.get(request.match_info["sid"])
        if message is None or message.is_deleted or message.account != caller.account:
            return not_found(request.path)
        return message
