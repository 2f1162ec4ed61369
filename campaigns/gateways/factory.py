"""Opens gateways and callback readers, and refuses those that the instance's mode forbids."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from campaigns.core.errors import GatewayRefusedError
from campaigns.core.settings import Mode, Settings
from campaigns.core.words import N_
from campaigns.gateways.base import Gateway
from campaigns.gateways.callbacks import CallbackReader, hook_secret
from campaigns.gateways.kinds import Credential, GatewayKind, Opening, gateway_kinds, get_kind
from campaigns.gateways.template_book import TemplateBook


def open_gateway(
    name: str, *, settings: Settings, secret_name: str, channel: str, is_rehearsal: bool = False
) -> Gateway:
    """Return the gateway `name` on the account that the credential `secret_name` opens.

    Everything a demo instance sends goes to the sandbox; a rehearsal always does. Raises GatewayRefusedError for
    a real provider then, and for one that reaches nobody when people are to be reached; SettingsError for an
    unknown gateway or a missing credential.
    """
    kind = get_kind(name)
    return kind.open(_opening(kind, settings, secret_name, channel=channel, is_rehearsal=is_rehearsal))


def open_templates(
    name: str, *, settings: Settings, secret_name: str, channel: str = "whatsapp"
) -> TemplateBook | None:
    """Return the book of templates on the account that `secret_name` opens; None where none need approval.

    The rules of `open_gateway` hold: a demo instance asks the sandbox. Raises as it does.
    """
    kind = get_kind(name)
    return kind.templates(_opening(kind, settings, secret_name, channel=channel, is_rehearsal=False))


def build_readers(settings: Settings) -> dict[str, CallbackReader]:
    """Return the reader of each gateway's callbacks, for every account this instance has a credential of."""
    own = [Credential(*settings.secret(name)) for name in sorted(settings.secrets)]
    readers: dict[str, CallbackReader] = {}
    for kind in gateway_kinds().values():
        rehearsing = []
        if settings.mode is Mode.LIVE and kind.sandbox_account:
            rehearsing.append(Credential(kind.sandbox_account, settings.sandbox_token(), is_rehearsal=True))
        reader = kind.reader([*own, *rehearsing])
        if reader is not None:
            readers[kind.name] = reader
    return readers


def hook_addresses(kind: GatewayKind, settings: Settings, secret_name: str) -> dict[str, str]:
    """Return what somebody enters at a provider, "status" and "inbound", so that it tells us what happened.

    Nothing for a provider that is told by us. Raises SettingsError without the credential, of which a secret
    address is made.
    """
    if not kind.reaches_people or kind.is_told_by_us:
        return {}
    stem = f"{settings.hooks_address}/hooks/{kind.name}"
    if kind.has_status_url:
        return {"inbound": f"{stem}/inbound{kind.hook_fragment}"}
    secret = hook_secret(settings.secret(secret_name)[1])
    return {name: f"{stem}/{secret}/{name}" for name in ("status", "inbound")}


def _opening(
    kind: GatewayKind, settings: Settings, secret_name: str, *, channel: str, is_rehearsal: bool
) -> Opening:
    is_demo = settings.mode is Mode.DEMO
    to_sandbox = is_demo or is_rehearsal
    if not to_sandbox and not kind.reaches_people:
        raise GatewayRefusedError(
            N_("The %(name)s reaches nobody, so a live system must not use it."), name=kind.name
        )
    origin = settings.sandbox_url if to_sandbox else settings.origins.get(kind.name.upper(), "")
    if kind.reaches_people:
        _refuse_wrong_origin(origin, to_sandbox=to_sandbox)
    credential = _credential(settings, kind, secret_name, for_sandbox=is_rehearsal and not is_demo)
    return Opening(credential, channel, origin=origin, connections=settings.send_window)


def _credential(settings: Settings, kind: GatewayKind, secret_name: str, *, for_sandbox: bool) -> Credential:
    if not kind.reaches_people:
        return Credential("", "")
    if for_sandbox:
        return Credential(kind.sandbox_account, settings.sandbox_token(), is_rehearsal=True)
    return Credential(*settings.secret(secret_name))


def _refuse_wrong_origin(origin: str, *, to_sandbox: bool) -> None:
    """Raise GatewayRefusedError when an origin ('' is the provider's own) does not fit what is sent."""
    if to_sandbox and not is_loopback(origin):
        raise GatewayRefusedError(N_("A demo or rehearsal may only reach the practice phones on this computer."))
    if not to_sandbox and is_loopback(origin):
        raise GatewayRefusedError(N_("What is meant for people must not be sent to this computer."))
    if not to_sandbox and origin and urlsplit(origin).scheme != "https":
        raise GatewayRefusedError(N_("What is meant for people must be sent over https only."))


def is_loopback(url: str) -> bool:
    """Say whether an address (http://host:port) names this machine itself; an empty one does not."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
