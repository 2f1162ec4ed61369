"""Where providers report what became of a message: verified, on disk, and only then answered."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, request

from campaigns.core.database import make_sessions
from campaigns.delivery.callbacks import admit_statuses, answer_plainly, read_callback
from campaigns.delivery.intake import ReceiptIntake
from campaigns.web.current import callbacks, settings
from campaigns.web.session import database

hooks = Blueprint("delivery_hooks", __name__, url_prefix="/hooks")
answer_plainly(hooks)


@hooks.post("/<gateway>/status")
@hooks.post("/<gateway>/<secret>/status")
def receive_status(gateway: str, secret: str = "") -> Response:
    """Keep what a status callback says and answer 204; unknown words, fields and references are kept too."""
    reader = callbacks(gateway)
    heard = read_callback(request, reader, public_url=settings().public_url, secret=secret)
    for update in admit_statuses(heard, reader.read_statuses(heard.callback)):
        _intake(reader.name).keep(update)
    return Response(status=204)


def _intake(gateway: str) -> ReceiptIntake:
    """Return the one intake of this application; two first requests at once agree on one of theirs."""
    name = f"receipt_intake_{gateway}"
    intake = current_app.extensions.get(name)
    if intake is None:
        fresh = ReceiptIntake(make_sessions(database.engine), gateway=gateway)
        intake = current_app.extensions.setdefault(name, fresh)
    return cast(ReceiptIntake, intake)
