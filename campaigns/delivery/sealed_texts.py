"""What one person is answered is sealed in its text: whoever compares or calls it opens it here."""

from __future__ import annotations

import logging

from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault

_log = logging.getLogger(__name__)


def seal_body(body: str, text_id: int, vault: Vault) -> bytes:
    """Return the words of a text, sealed for its row."""
    return vault.seal(body, table="run_text", column="sealed_body", row_id=text_id)


def open_body(body: str | None, sealed_body: bytes | None, text_id: int, vault: Vault) -> str | None:
    """Return the words of a text, sealed or not; None: there are none, or nobody can open them."""
    if sealed_body is None:
        return body
    try:
        return vault.open(sealed_body, table="run_text", column="sealed_body", row_id=text_id)
    except DamagedDataError:
        _log.error("text %s cannot be read", text_id)
        return None
