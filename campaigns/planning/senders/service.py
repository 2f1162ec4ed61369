"""These verbs keep senders, from which messages come; each leaves one audit entry, none commits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace

import phonenumbers
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.settings import Mode
from campaigns.core.words import N_
from campaigns.gateways.kinds import gateway_kinds
from campaigns.planning.models import Health, Sender
from campaigns.planning.senders.prices import ELSEWHERE
from campaigns.staff import audit
from campaigns.staff.credentials import Credentials

#: Parts per second: nothing slower is useful, nothing faster is sold.
SLOWEST_PACE = 0.1
FASTEST_PACE = 1000.0
LONGEST_NAME = 100
#: Largest daily limit that says anything: more people than any provider's tier counts.
LARGEST_LIMIT = 10_000_000

#: GSM's alphanumeric address: up to eleven characters, at least one of them a letter.
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
#: The id of a Messaging Service; a bot or a name may begin so too.
_SERVICE = re.compile("MG[0-9a-f]{32}")
#: What people can see as the sender on each channel.
_IDENTITIES: dict[Channel, re.Pattern[str]] = {
    # A number, a short code, a Messaging Service or a name.
    Channel.SMS: re.compile(rf"\+[1-9][0-9]{{6,14}}|[1-9][0-9]{{3,7}}|{_SERVICE.pattern}|{_ALPHANUMERIC.pattern}"),
    Channel.WHATSAPP: re.compile(rf"\+[1-9][0-9]{{6,14}}|{_SERVICE.pattern}"),
    # Telegram's rule: 5 to 32 letters, digits and underscores, and "bot" at the end.
    Channel.TELEGRAM: re.compile(r"(?i)[a-z][a-z0-9_]{1,28}bot"),
}
_REFUSALS: dict[Channel, str] = {
    Channel.SMS: N_(
        "An SMS sender is a number like +48123456789, a short code, a name of at most 11 letters and digits, "
        "or an id MG…."
    ),
    Channel.WHATSAPP: N_("A WhatsApp sender is a number like +48123456789, or an id MG…."),
    Channel.TELEGRAM: N_("A Telegram sender is the user name of a bot, which ends in “bot”."),
}
#: What people write before an identity and providers do not.
_PREFIXES = ("whatsapp:", "https://t.me/", "@")
_TAKEN = N_("This number or name is in use already: each sends for one organisation, as one sender.")
_SECRET_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """What may change of a sender later; new countries make the approvals of its campaigns void."""

    name: str
    #: Parts per second; messages per second where nothing has parts.
    pace: float
    active: bool = True
    #: Countries (alpha-2) of the numbers it may write to; empty: all.
    countries: Collection[str] = ()
    #: People it may write to in any 24 hours; None: no such limit.
    daily_limit: int | None = None
    #: What a part costs by country (alpha-2, or "*" for elsewhere), in dollars as a decimal text.
    prices: Mapping[str, str] = field(default_factory=dict)

    def checked(self) -> SenderLimits:
        """Return the limits clean. Raises InputError naming the first that cannot be kept."""
        name = " ".join(self.name.split())
        if not name or len(name) > LONGEST_NAME:
            raise InputError(N_("A sender needs a name of at most %(limit)s characters."), limit=LONGEST_NAME)
        if not SLOWEST_PACE <= self.pace <= FASTEST_PACE:
            least, most = f"{SLOWEST_PACE:g}", f"{FASTEST_PACE:g}"
            raise InputError(
                N_("A sending speed is between %(least)s and %(most)s parts per second."), least=least, most=most
            )
        if self.daily_limit is not None and not 1 <= self.daily_limit <= LARGEST_LIMIT:
            raise InputError(N_("A daily limit is a number of people, from 1 on."))
        priced = set(_checked_countries(set(self.prices) - {ELSEWHERE}))
        prices = {key: usd for key, usd in self.prices.items() if key in priced | {ELSEWHERE}}
        return replace(self, name=name, countries=_checked_countries(self.countries), prices=prices)


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What makes a sender; campaigns are approved with it, so it stays."""

    channel: Channel
    #: Name of a kind of gateway (gateways/kinds.py).
    gateway: str
    #: E.164 number, short code, alphanumeric name, Messaging Service id, or user name of a bot.
    identity: str
    #: Name of the credential in the settings (FINGERPOST_SECRET_<NAME>).
    secret_name: str
    limits: SenderLimits = field(default_factory=lambda: SenderLimits("", 10.0))


def create_sender(
    session: Session, organisation_id: int, *, facts: SenderFacts, by: int, credentials: Credentials
) -> Sender:
    """Add a sender of an organisation; only a demo has one that reaches nobody.

    Its credential may be entered later: until then nothing is sent over it. Raises InputError for what cannot be
    sent from or is in use already, ForeignCredentialError for a credential that is not the organisation's.
    """
    limits, identity = facts.limits.checked(), checked_identity(facts.channel, facts.identity)
    _check_kind(facts.gateway, facts.channel, is_demo=credentials.settings.mode is Mode.DEMO)
    if not _SECRET_NAME.fullmatch(facts.secret_name):
        raise InputError(N_("The name of a provider key has small letters, digits and underscores only."))
    sender = Sender(
        organisation_id=organisation_id,
        channel=facts.channel,
        gateway=facts.gateway,
        identity=identity,
        secret_name=facts.secret_name,
        two_way=is_two_way(facts.channel, identity),
    )
    _check_owner(sender, credentials)
    _write(session, sender, asdict(limits))
    _record(session, "sender.create", sender, by, pace=limits.pace)
    return sender


def update_sender(
    session: Session, sender: Sender, *, limits: SenderLimits, by: int, credentials: Credentials
) -> None:
    """Change what may change of a sender; what is on its way keeps going. It can always be switched off.

    Raises InputError, and ForeignCredentialError when it is to be used with another's credential.
    """
    checked = limits.checked()
    if checked.active and not sender.active:
        _check_owner(sender, credentials)
    _write(session, sender, asdict(checked))
    _record(session, "sender.update", sender, by, pace=sender.pace, active=sender.active)


def mend_sender(session: Session, sender: Sender, *, by: int, credentials: Credentials) -> None:
    """Let a sender send again that its provider had refused.

    Raises TransitionError when nothing ails it, ForeignCredentialError while its credential is another's.
    """
    if sender.health == Health.WELL:
        raise TransitionError(N_("This sender works already."))
    _check_owner(sender, credentials)
    was = {"health": str(sender.health), "code": sender.health_code}
    sender.health, sender.health_code, sender.health_at = Health.WELL, "", clock.now()
    _record(session, "sender.mend", sender, by, **was)


def checked_identity(channel: Channel, entered: str) -> str:
    """Return a number or name as providers write it. Raises InputError for what the channel does not take."""
    identity = entered.strip()
    for prefix in _PREFIXES:
        identity = identity.removeprefix(prefix)
    if not _IDENTITIES[channel].fullmatch(identity):
        raise InputError(_REFUSALS[channel])
    return identity


def is_service(identity: str) -> bool:
    """Say whether a sender is a Messaging Service, which writes from any of several numbers."""
    return _SERVICE.fullmatch(identity) is not None


def is_two_way(channel: Channel, identity: str) -> bool:
    """Say whether people can answer: an SMS name made of letters receives nothing."""
    is_name = bool(_ALPHANUMERIC.fullmatch(identity)) and not identity.isdigit()
    return not (channel == Channel.SMS and is_name)


def _check_kind(name: str, channel: Channel, *, is_demo: bool) -> None:
    kind = gateway_kinds().get(name)
    if kind is None:
        raise InputError(N_("There is no connection “%(name)s”."), name=name)
    if not kind.reaches_people and not is_demo:
        raise InputError(N_("%(gateway)s reaches nobody: choose a provider."), gateway=kind.title)
    if channel not in kind.channels:
        raise InputError(
            N_("%(gateway)s does not carry this channel: choose another connection."), gateway=kind.title
        )


def _check_owner(sender: Sender, credentials: Credentials) -> None:
    """Raise ForeignCredentialError for a sender of an organisation whose credential is not that organisation's."""
    kind = gateway_kinds().get(sender.gateway)
    is_known = credentials.is_told_of(sender.secret_name)
    if sender.organisation_id is not None and kind is not None and kind.reaches_people and is_known:
        credentials.check(sender.secret_name, sender.organisation_id)


def _write(session: Session, sender: Sender, values: Mapping[str, object]) -> None:
    """Write a sender. Raises InputError when it is to be used while its number or name is another's."""
    is_begun = bool(values["active"]) and not (sender.id and sender.active)
    if is_begun and _is_taken(session, sender):
        raise InputError(_TAKEN)
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(sender, name, value)
            session.add(sender)
    except IntegrityError as error:
        if not _is_taken(session, sender):
            raise
        # Two were saved at the same moment.
        raise InputError(_TAKEN) from error


def _is_taken(session: Session, sender: Sender) -> bool:
    """Say whether people know a number or name already as another sender that is in use.

    An organisation may have one number on two channels; what another has on any channel is that one's. Phones and
    Telegram do not tell small letters from capitals.
    """
    same = func.lower(Sender.identity) == sender.identity.lower()
    is_anothers = Sender.organisation_id.is_distinct_from(sender.organisation_id)
    taken = select(Sender.id).where(
        Sender.gateway == sender.gateway, same, Sender.active, (Sender.channel == sender.channel) | is_anothers
    )
    with session.no_autoflush:
        return session.scalar(taken.where(Sender.id != (sender.id or 0)).limit(1)) is not None


def _checked_countries(countries: Collection[str]) -> list[str]:
    codes = sorted({code.strip().upper() for code in countries} - {""})
    unknown = [code for code in codes if code not in phonenumbers.SUPPORTED_REGIONS]
    if unknown:
        raise InputError(N_("No numbers of this country are known: %(country)s."), country=unknown[0])
    return codes


def _record(session: Session, action: str, sender: Sender, by: int, **detail: float | bool | str) -> None:
    audit.record(session, action, subject=sender, organisation_id=sender.organisation_id, member_id=by, **detail)
