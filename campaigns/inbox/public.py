"""Providers hand over here what people do: it is verified, stored, obeyed, acknowledged in silence."""

from __future__ import annotations

from flask import Blueprint, Response, request

from campaigns.core.database import wait_for_locks
from campaigns.delivery.receipts.merge import store
from campaigns.delivery.receipts.request import answer_plainly, read_callback, read_flask_body
from campaigns.gateways.callbacks import Callback, CallbackReader
from campaigns.inbox.incoming.receivers import Account, load_account
from campaigns.inbox.service import receive_inbound
from campaigns.planning.policy import Policy
from campaigns.web.current import callbacks, settings, vault
from campaigns.web.session import session

hooks = Blueprint("inbox_hooks", __name__, url_prefix="/hooks")
answer_plainly(hooks)

#: How long a stop waits for what others hold locked, as the end of an import does. A page gives up much sooner;
#: but not every provider calls again, or lists what people wrote.
LOCK_SECONDS = 60
#: What says nothing to a provider for which an empty answer is an error: Twilio reads TwiML.
SILENCES = {"twilio": ('<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml; charset=utf-8")}


@hooks.post("/<gateway>/inbound")
@hooks.post("/<gateway>/<secret>/inbound")
@hooks.post("/<gateway>/<secret>")
def receive_message(gateway: str, secret: str = "") -> Response:
    """Keep what people did; what it asks is done when this is answered.

    A provider that posts everything to one address (a bot's updates) posts it to the bare secret. A report on what
    we sent that is posted here is kept as if it had come to the address for reports. What people do
    in our own sandbox during a rehearsal is nobody's word: it is acknowledged and forgotten.
    """
    reader = callbacks(gateway)
    heard = read_callback(
        request.environ,
        reader,
        body=read_flask_body(request),
        addresses=settings().signed_addresses,
        secret=secret,
    )
    if not heard.is_rehearsal:
        wait_for_locks(session(), seconds=LOCK_SECONDS)
        account, said = _account(reader, heard.callback), reader.read_inbound(heard.callback)
        for inbound in said:
            receive_inbound(session(), inbound, vault(), account=account, policy=Policy.of(settings()))
        if not said:
            # Our two addresses are entered by hand, and may change places.
            store(session(), reader.read_statuses(heard.callback), gateway=reader.name)
    if reader.name not in SILENCES:
        return Response(status=204)
    silence, content_type = SILENCES[reader.name]
    return Response(silence, content_type=content_type)


def _account(reader: CallbackReader, callback: Callback) -> Account:
    name = reader.account_of(callback)
    return load_account(session(), settings(), gateway=reader.name, name=name, is_signed=reader.is_signed)
