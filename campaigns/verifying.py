"""`fingerpost verify` opens the gateways of a run's senders and compares providers' lists with our rows."""

from __future__ import annotations

from functools import partial

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import NotFoundError
from campaigns.core.settings import Settings
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.repair.verify import Report, verify_run
from campaigns.gateways.base import Gateway
from campaigns.gateways.factory import open_gateway
from campaigns.planning.models import Run


async def verify_run_with_provider(settings: Settings, run_id: int) -> Report:
    """Compare one run with what its providers hold. Raises NotFoundError or UnavailableError."""
    database = make_engine(settings.database_url)
    try:
        with make_sessions(database)() as session:
            # Only temporary tables are written; on SQLite a writing transaction would keep the worker waiting.
            session.connection(execution_options={"read_only": True})
            run = session.get(Run, run_id)
            if run is None:
                raise NotFoundError(f"There is no run {run_id}.")
            try:
                return await verify_run(session, run, partial(gateway_of, settings), vault=settings.vault())
            finally:
                session.rollback()
    finally:
        database.dispose()


def gateway_of(settings: Settings, sender: SenderFacts) -> Gateway:
    """Open the gateway of a sender, to the sandbox in a rehearsal."""
    return open_gateway(
        sender.gateway,
        settings=settings,
        secret_name=sender.secret_name,
        channel=sender.channel,
        is_rehearsal=sender.is_rehearsal,
    )
