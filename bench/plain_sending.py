"""What a user would write instead of the engine: the official client, one row and one commit a message."""

from __future__ import annotations

import time

from sqlalchemy import Engine as Database
from sqlalchemy import select
from sqlalchemy.orm import Session
from twilio.rest import Client

from campaigns.core import clock
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from tests.delivery.builders import TEXT


def send_plainly(database: Database, client: Client, run_id: int, *, sender: str) -> float:
    """Send a run's queued deliveries one after the other and return the messages a second."""
    with Session(database) as session:
        ids = session.scalars(select(Delivery.id).where(Delivery.run_id == run_id)).all()
        session.commit()
        begun = time.perf_counter()
        for number, delivery_id in enumerate(ids):
            delivery = session.get_one(Delivery, delivery_id)
            message = client.messages.create(to=f"+38067{number:07}", from_=sender, body=TEXT)
            delivery.send_state, delivery.provider_id = SendState.ACCEPTED, message.sid
            delivery.intent_at = clock.now()
            session.commit()
        return len(ids) / (time.perf_counter() - begun)
