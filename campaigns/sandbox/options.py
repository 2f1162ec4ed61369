"""The sandbox process reads its command line here."""

import argparse
from dataclasses import replace

from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox.world.profile import PROFILES

#: Tokens that everybody knows, on loopback.
_WELL_KNOWN = SandboxConfig()
_PURPOSE = (
    "A stand-in for Twilio (SMS, WhatsApp, templates, prices, lookups), Telegram and Africa's Talking on this "
    "machine. Its front page shows the phones of everybody who was written to."
)
_KNOWN = "let the bot write to everybody, not only to who pressed Start"
_OPENS = "opens every provider: Twilio's account, the bot <id>:<token>, the apiKey of Africa's Talking"


def read_options(arguments: list[str] | None = None, defaults: SandboxConfig = _WELL_KNOWN) -> SandboxConfig:
    """Return the configuration that command-line arguments ask for; exit with a message if they make no sense.

    `defaults` holds for what they do not name.
    """
    given = _parser(defaults).parse_args(arguments)
    fixture = replace(
        defaults.fixture,
        pace=given.pace,
        profile=PROFILES[given.profile],
        inbound_url=given.inbound_url,
        advanced_opt_out=given.advanced_opt_out,
        late_s=given.late_s,
        telegram_all_known=given.know_all,
    )
    return replace(
        defaults,
        host=given.host,
        port=given.port,
        idle_seconds=given.idle_seconds,
        seed=given.seed,
        account_sid=given.account_sid,
        auth_token=given.auth_token,
        accounts=dict(given.account),
        control_token=given.control_token,
        callbacks=replace(
            defaults.callbacks, allowed_hosts=(*defaults.callbacks.allowed_hosts, *given.allow_host)
        ),
        fixture=fixture,
    )


def _parser(defaults: SandboxConfig) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description=_PURPOSE)
    add = parser.add_argument
    add("--host", default=defaults.host, help="address to bind (default: loopback)")
    add("--port", type=int, default=defaults.port, help="0 takes any free port")
    add(
        "--idle-seconds", type=float, default=defaults.idle_seconds, help="close a connection that is idle so long"
    )
    add("--seed", default=defaults.seed, help="every random choice follows from it")
    add("--account-sid", default=defaults.account_sid)
    add("--auth-token", default=defaults.auth_token, help=_OPENS)
    add("--account", action="append", default=[], type=_account, metavar="SID=TOKEN", help="a further account")
    add("--control-token", default=defaults.control_token, help="what X-Sandbox-Token must carry")
    add("--pace", type=float, help="parts per second and sender (default: unlimited)")
    add("--profile", choices=sorted(PROFILES), default="calm", help="how chance treats calls and messages")
    add("--late-s", type=float, default=defaults.fixture.late_s, help="delay of the answer to …0099997")
    add("--inbound-url", default="", help="where the application takes inbound SMS and WhatsApp messages")
    add("--know-all", action="store_true", default=defaults.fixture.telegram_all_known, help=_KNOWN)
    add("--allow-host", action="append", default=[], help="a host beside loopback that may be called back")
    add("--advanced-opt-out", action="store_true", help="let Twilio's own stop words act")
    return parser


def _account(text: str) -> tuple[str, str]:
    """Read `SID=TOKEN`."""
    sid, equals, token = text.partition("=")
    if not (sid and equals and token):
        raise argparse.ArgumentTypeError(f"{text!r} is not SID=TOKEN")
    return sid, token
