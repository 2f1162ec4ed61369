"""Logs carry ids, never an address or a text: a filter masks what looks like a handle, e-mail or secret."""

from __future__ import annotations

import logging
import re
import sys

#: E.164 numbers, channel addresses and digit runs long enough to be a subscriber number.
_HANDLES = re.compile(r"(?:(?:whatsapp|telegram|messenger):)?(?:\+|%2B)\d[\d ()\-]{5,}\d|\b\d{9,15}\b")
_EMAILS = re.compile(r"[^\s@<>\"'(),;:/]+@[\w-]+(?:\.[\w-]+)+")
#: The secret part of a callback's address, the word in a report's, and API tokens; what stands before is kept.
_SECRETS = re.compile(
    r"(?P<before>/hooks/[\w-]+/(?!(?:inbound|status)\b)|(?<!/reach)/publications/|\bfp_(?=[\w-]{20}))[^/\s?\"'<>]+"
)
MASK = "[masked]"


def mask(text: str) -> str:
    """Return `text` with everything that looks like a handle, an e-mail address or a secret replaced."""
    text = _SECRETS.sub(rf"\g<before>{MASK}", text)
    return _HANDLES.sub(MASK, _EMAILS.sub(MASK, text))


class MaskingFilter(logging.Filter):
    """Render each record once and mask the result; also masks the text of exceptions."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = mask(record.getMessage())
        record.args = ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        return True


def configure_logging(level: str = "INFO") -> None:
    """Send masked records of every logger of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(MaskingFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("alembic", "apscheduler", "aiohttp.access", "twilio.http_client"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
