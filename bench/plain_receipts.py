"""What a user would write for status callbacks: Flask and the validator of Twilio's package; it keeps nothing."""

from __future__ import annotations

import os

from flask import Flask, abort, request
from twilio.request_validator import RequestValidator

app = Flask(__name__)
validator = RequestValidator(os.environ.get("BENCH_TOKEN", ""))


@app.post("/hooks/twilio/status")
def receive_status() -> tuple[str, int]:
    """Answer 204 to a genuine callback."""
    if not validator.validate(request.url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)
    return "", 204
