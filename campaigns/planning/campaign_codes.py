"""Each campaign has a short code that people can quote to a service."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning.models import Campaign

#: Letters and digits that are not mistaken for one another when a code is read aloud.
CODE_LETTERS = "ACDEFHJKLMNPRTUVWXY"
CODE_DIGITS = "2345679"


def free_code(session: Session) -> str:
    """Return a short code that no campaign of the instance has: who quotes it names the organisation too."""
    taken = set(session.scalars(select(Campaign.code)))
    length = 2 + len(taken) // 50
    while True:
        code = secrets.choice(CODE_LETTERS) + "".join(secrets.choice(CODE_DIGITS) for _ in range(length - 1))
        if code not in taken:
            return code
