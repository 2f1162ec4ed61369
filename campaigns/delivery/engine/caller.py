"""A caller makes the one call for a claimed delivery, and says what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from campaigns.core import clock
from campaigns.core.processes.crash import crash_point
from campaigns.delivery.engine.decisions import Decided, tell
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, LaneFence, Refusal
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Claimed, Result, put_back
from campaigns.delivery.engine.retry import Decision, counted_from, decide
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway, Outgoing, SendError, UnknownOutcomeError

_DECIDED = {
    SendState.QUEUED: Decided.RETRIED,
    SendState.FAILED: Decided.FAILED,
    SendState.UNKNOWN: Decided.UNKNOWN,
}

_log = logging.getLogger(__name__)


class Caller:
    """Calls the gateway of one sender, tells flow control and the run how it went, and returns the result."""

    def __init__(
        self,
        sender: SenderFacts,
        gateway: Gateway,
        *,
        fence: Fence | LaneFence,
        flow: FlowControl,
        runs: LaneRuns,
        callback_base: str | None,
        chance: Callable[[], float],
    ) -> None:
        self._sender, self._gateway, self._fence = sender, gateway, fence
        self._flow, self._runs = flow, runs
        self._callback_base, self._chance = callback_base, chance

    async def call(self, claimed: Claimed) -> Result:
        """Make the one call for a claimed delivery and return what became of it."""
        outgoing = self._outgoing(claimed)
        try:
            accepted = await self._gateway.send(outgoing, partial(self._fence.check, claimed))
        except FenceRefusedError as refused:
            return self._refused(claimed, refused.refusal)
        except SendError as error:
            return self._failed(claimed, error)
        except Exception:
            # A fault of ours in the middle of a call: it cannot be known whether the request left.
            _log.exception("the call for delivery %s broke", claimed.id)
            return self._failed(claimed, UnknownOutcomeError("internal"))
        crash_point("replied")
        self._flow.succeeded()
        self._runs.accepted(claimed.run_id)
        return Result(
            claimed.id,
            claimed.token,
            SendState.ACCEPTED,
            claimed.attempts,
            provider_id=accepted.provider_id,
            reference=accepted.reference,
        )

    def _outgoing(self, claimed: Claimed) -> Outgoing:
        left, base = claimed.expires_at - clock.now(), self._callback_base
        return Outgoing(
            reference=claimed.reference,
            to=claimed.to,
            body=claimed.body,
            sender=self._sender.identity,
            callback_url=None if base is None else base + claimed.reference,
            valid_for_seconds=int(left.total_seconds()),
            template=claimed.template,
        )

    def _refused(self, claimed: Claimed, refusal: Refusal) -> Result:
        _log.info("fence closed for delivery %s: %s", claimed.id, refusal)
        tell(Decided.REFUSED, delivery=claimed.id, run=claimed.run_id, code=refusal)
        self._flow.abandoned()
        if refusal is Refusal.WITHDRAWN:
            return Result(claimed.id, claimed.token, SendState.SUPPRESSED, claimed.attempts, refund=True)
        return put_back(claimed)

    def _failed(self, claimed: Claimed, error: SendError) -> Result:
        self._flow.failed(error)
        decision = decide(
            error,
            attempts=claimed.attempts,
            now=counted_from(clock.now(), claimed.intent_at),
            expires_at=claimed.expires_at,
            chance=self._chance(),
            unsent_for=self._flow.unsent_for(),
        )
        falls_back = decision.falls_back and self._runs.has_next(claimed.run_id)
        self._tell(claimed, decision, falls_back=falls_back)
        self._runs.failed(claimed.run_id, error, falls_back=falls_back)
        return Result(
            claimed.id,
            claimed.token,
            decision.state,
            claimed.attempts,
            error=decision.error,
            due_at=decision.due_at,
            refund=decision.refund,
            outcome=decision.outcome,
            address_id=claimed.address_id,
            # What the sandbox says of a stand-in says nothing of the person.
            action=None if self._sender.is_rehearsal else decision.action,
            falls_back=falls_back,
            run_id=claimed.run_id,
        )

    def _tell(self, claimed: Claimed, decision: Decision, *, falls_back: bool) -> None:
        tell(
            Decided.FALLS_BACK if falls_back else _DECIDED[decision.state],
            delivery=claimed.id,
            run=claimed.run_id,
            sender=self._sender.sender_id,
            outcome=decision.outcome,
            code=decision.error,
            attempts=claimed.attempts,
            due=decision.due_at,
        )
