"""Where providers hand over what people answer: verified, stored, obeyed, and acknowledged without a word back."""

from __future__ import annotations

from flask import Blueprint, Response, request

from campaigns.delivery.callbacks import answer_plainly, read_callback
from campaigns.inbox.service import receive_inbound
from campaigns.web.current import callbacks, settings, vault
from campaigns.web.session import session

hooks = Blueprint("inbox_hooks", __name__, url_prefix="/hooks/twilio")
answer_plainly(hooks)

#: Twilio reads the answer as TwiML; this one says nothing.
NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@hooks.post("/inbound")
def receive_message() -> Response:
    """Keep a message from a person; what it asks is done when this is answered."""
    reader = callbacks("twilio")
    heard = read_callback(request, reader, public_url=settings().public_url)
    for inbound in reader.read_inbound(heard.callback):
        receive_inbound(session(), inbound, vault(), gateway=reader.name)
    return Response(NO_ANSWER, content_type="text/xml; charset=utf-8")
