"""Twilio's surface may be called with an account's token, its API keys, or test credentials (HTTP Basic)."""

from dataclasses import dataclass
from typing import Literal

from aiohttp import encode_basic_auth, web

from campaigns.sandbox.world.config import SandboxConfig


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials a call carries."""

    account: str
    kind: Literal["", "live", "test"]
    #: An API key of the account, to which the account itself stays closed.
    is_key: bool = False


#: Credentials that open nothing, or another account than the one in the path.
NOBODY = Caller("", "")


class Access:
    """The headers that open an account, prepared once so that a call costs one look-up."""

    def __init__(self, config: SandboxConfig) -> None:
        live = {config.account_sid: config.auth_token, **config.accounts}
        test = Caller(config.test_account_sid, "test")
        pairs = [
            *((account, token, Caller(account, "live")) for account, token in live.items()),
            *((key, secret, Caller(config.account_sid, "live", True)) for key, secret in config.api_keys.items()),
            (config.test_account_sid, config.test_auth_token, test),
        ]
        self._known = {encode_basic_auth(name, secret, "utf-8"): caller for name, secret, caller in pairs}

    def caller_of(self, request: web.Request) -> Caller:
        """Return whose credentials a call carries; NOBODY's do not open the account in its path."""
        caller = self._known.get(request.headers.get("Authorization", ""), NOBODY)
        return caller if request.match_info.get("account", caller.account) == caller.account else NOBODY
