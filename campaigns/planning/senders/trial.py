"""Asks the provider of one sender whether it knows us: by a read, so that nobody is written to."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.continuity.latch import SENTENCES, find_latch_reason
from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.gateways.base import RejectedError, SendError, ThrottledError
from campaigns.gateways.connecting import Answering
from campaigns.gateways.factory import open_gateway
from campaigns.gateways.kinds import get_kind
from campaigns.planning.models import Sender
from campaigns.staff import audit
from campaigns.staff.credentials import load_credentials

log = logging.getLogger(__name__)

#: How long a member waits for a provider at most.
ASK_SECONDS = 10.0
#: Our word for a provider that took longer, was away, or answered what nobody can read.
NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What came of a test."""

    #: The account, as the provider names it; "" when it did not say that it knows us.
    account: str = ""
    #: The provider's code, or our word, for why not; "" when the account answered.
    code: str = ""


def try_sender(session: Session, sender: Sender, *, settings: Settings, by: int) -> TrialAnswer:
    """Ask a sender's provider for its account, and keep what came of it.

    Raises RefusedError while nothing may leave the instance and for a gateway with nothing to ask,
    ForeignCredentialError for a credential that is not its organisation's, SettingsError without one.
    """
    reason = find_latch_reason(session)
    if reason is not None:
        raise RefusedError(SENTENCES[reason])
    if sender.organisation_id is not None and get_kind(sender.gateway).reaches_people:
        load_credentials(session, settings).check(sender.secret_name, sender.organisation_id)
    gateway = open_gateway(
        sender.gateway, settings=settings, secret_name=sender.secret_name, channel=sender.channel
    )
    if not isinstance(gateway, Answering):
        raise RefusedError(N_("There is no provider behind this sender that could be asked."))
    answer = asyncio.run(_ask(gateway))
    sender.tested_at, sender.test_code = clock.now(), answer.code
    audit.record(
        session,
        "sender.test",
        subject=sender,
        organisation_id=sender.organisation_id,
        member_id=by,
        code=answer.code,
    )
    return answer


async def _ask(gateway: Answering) -> TrialAnswer:
    """Return what the provider says in time; the connections are closed either way."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return TrialAnswer(account=await gateway.ask_account())
    except (RejectedError, ThrottledError) as error:
        return TrialAnswer(code=error.code)
    except (SendError, TimeoutError) as error:
        log.info("A sender's provider did not answer: %s", error)
        return TrialAnswer(code=NO_ANSWER)
    finally:
        await gateway.close()
