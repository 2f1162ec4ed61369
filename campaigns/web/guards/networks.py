"""Limits count requests by the networks that they come from: an address, and the neighbourhood around it."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from typing import Any

#: Bits of the narrow and of the wide network, by version of the protocol. A household has a /64 or more of IPv6.
_PREFIXES = {4: (32, 24), 6: (64, 48)}
_log = logging.getLogger(__name__)
#: Whether the log has been told that networks are unknown.
_told: set[str] = set()


def networks_of(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the narrow and the wide network of who sends a WSGI request; None when a proxy hides it.

    A proxy that is not counted in `trusted_proxies` makes everybody look like one: nobody may be held up for that.
    """
    address = environ.get("REMOTE_ADDR") or ""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    is_near = ip.is_loopback or ip.is_private
    if is_near and environ.get("HTTP_X_FORWARDED_FOR") and not _is_believed(environ, address):
        _tell()
        return None
    narrow, wide = (str(ipaddress.ip_network((ip, bits), strict=False)) for bits in _PREFIXES[ip.version])
    return narrow, wide


def _is_believed(environ: Mapping[str, Any], address: str) -> bool:
    """Say whether the address is one that a trusted proxy named, instead of the proxy's own."""
    original = environ.get("werkzeug.proxy_fix.orig") or {}
    return bool(original.get("REMOTE_ADDR", address) != address)


def _tell() -> None:
    if not _told:
        _told.add("proxy")
        _log.warning(
            "requests come through a proxy that trusted_proxies does not count: "
            "limits cannot tell one network from another, and only those of accounts hold"
        )
