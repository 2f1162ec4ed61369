"""Verbs on senders: the numbers and names messages come from; each leaves one audit entry and none commits."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.planning.models import Sender
from campaigns.staff import audit

#: Gateways an instance can build (gateways/factory.py).
GATEWAYS = ("twilio", "console")
#: Parts per second: nothing slower is useful, nothing faster is sold.
SLOWEST_PACE = 0.1
FASTEST_PACE = 1000.0
LONGEST_NAME = 100

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
#: GSM's alphanumeric address: up to eleven characters, at least one of them a letter.
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_SECRET_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What makes a sender; a campaign's approval names it, so only its name, pace and switch change later."""

    name: str
    gateway: str
    #: E.164 number, alphanumeric name, or Messaging Service id.
    identity: str
    #: Name of the credential in the settings (FINGERPOST_SECRET_<NAME>).
    secret_name: str
    #: Parts per second.
    pace: float
    channel: Channel = Channel.SMS


def create_sender(session: Session, organisation_id: int, *, facts: SenderFacts, by: int) -> Sender:
    """Add a sender of an organisation. Raises InputError for what cannot be sent from."""
    name, pace = _checked_name(facts.name), _checked_pace(facts.pace)
    identity = facts.identity.strip()
    if not any(kind.fullmatch(identity) for kind in (_NUMBER, _ALPHANUMERIC, _MESSAGING_SERVICE)):
        raise InputError(
            N_("A sender is a number like +48123456789, a name of at most 11 letters and digits, or an id MG….")
        )
    if facts.gateway not in GATEWAYS:
        raise InputError(N_("There is no gateway “%(name)s”."), name=facts.gateway)
    if not _SECRET_NAME.fullmatch(facts.secret_name):
        raise InputError(N_("The name of a credential has small letters, digits and underscores only."))
    values = asdict(facts) | {"name": name, "pace": pace, "identity": identity}
    sender = Sender(organisation_id=organisation_id, two_way=is_two_way(identity), **values)
    session.add(sender)
    session.flush()
    _record(session, "sender.create", sender, by, pace=pace)
    return sender


def update_sender(session: Session, sender: Sender, *, name: str, pace: float, active: bool, by: int) -> None:
    """Change a sender's name, pace or switch; what is on its way keeps going. Raises InputError."""
    sender.name, sender.pace, sender.active = _checked_name(name), _checked_pace(pace), active
    _record(session, "sender.update", sender, by, pace=pace, active=active)


def is_two_way(identity: str) -> bool:
    """Say whether people can answer: a name made of letters receives nothing."""
    return not _ALPHANUMERIC.fullmatch(identity)


def _checked_name(name: str) -> str:
    line = " ".join(name.split())
    if not line or len(line) > LONGEST_NAME:
        raise InputError(N_("A sender needs a name of at most %(limit)s characters."), limit=LONGEST_NAME)
    return line


def _checked_pace(pace: float) -> float:
    if not SLOWEST_PACE <= pace <= FASTEST_PACE:
        raise InputError(
            N_("A pace is between %(least)s and %(most)s parts per second."),
            least=f"{SLOWEST_PACE:g}",
            most=f"{FASTEST_PACE:g}",
        )
    return pace


def _record(session: Session, action: str, sender: Sender, by: int, **detail: float | bool) -> None:
    audit.record(session, action, subject=sender, organisation_id=sender.organisation_id, member_id=by, **detail)
