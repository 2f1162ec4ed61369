"""What exactly is approved: one canonical digest of a campaign's content, and the frozen copy a run keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from campaigns.core.errors import DamagedDataError

#: Characters of a digest that pages show.
SHORT_LENGTH = 12


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hexadecimal) of `content` as canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def short_digest(digest: str) -> str:
    """Return the first characters of a digest, enough for two people to compare aloud."""
    return digest[:SHORT_LENGTH]


@dataclass(frozen=True, slots=True)
class FrozenRun:
    """Everything a run needs of its campaign, copied when it was made; later edits do not reach it."""

    #: Approved texts by language, with placeholders.
    texts: dict[str, str]
    base_language: str
    #: AudienceRule.to_json().
    rule: dict[str, Any]
    #: Language of people for whom there is no text, or None to leave them out.
    fallback_language: str | None
    max_parts: int
    link: str | None
    #: Short code of the campaign, rendered beside the link.
    code: str
    #: A ZonePolicy value; time_zone is the fixed zone, or that of contacts without a known one.
    zone_policy: str
    time_zone: str
    expires_after_minutes: int
    message_id: int
    message_version: int
    resend_unknown: bool

    def to_json(self) -> dict[str, Any]:
        """Return the value Run.frozen stores."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FrozenRun:
        """Read what `to_json` wrote. Raises DamagedDataError when a key is missing or unknown."""
        names = {field.name for field in fields(cls)}
        if set(stored) != names:
            wrong = ", ".join(sorted(names.symmetric_difference(stored)))
            raise DamagedDataError(f"A run's frozen content does not fit this version: {wrong}.")
        return cls(**stored)
