"""Logs carry ids, never an address or a text: a filter masks whatever looks like a phone number or handle."""

from __future__ import annotations

import logging
import re
import sys

#: E.164 numbers, channel addresses and digit runs long enough to be a subscriber number.
_HANDLES = re.compile(r"(?:(?:whatsapp|telegram|messenger):)?(?:\+|%2B)\d[\d ()\-]{5,}\d|\b\d{9,15}\b")
MASK = "[masked]"


def mask(text: str) -> str:
    """Return `text` with everything that looks like a handle replaced."""
    return _HANDLES.sub(MASK, text)


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
