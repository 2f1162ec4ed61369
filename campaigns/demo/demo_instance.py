"""This makes the folder and the settings of a demo instance afresh, and its sandbox."""

from __future__ import annotations

import base64
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from campaigns.core.errors import InputError
from campaigns.core.settings import CONTROL_DOOR, Settings, load_settings
from campaigns.demo import scenario
from campaigns.demo.processes import Processes
from campaigns.demo.sandbox_control import SandboxControl

#: By these the sandbox knows us at Twilio and at Telegram.
ACCOUNT, BOT = "AC" + "5b" * 16, "5550100"

#: Stands in the folder of a demo: what is in there may be thrown away.
MARK = "of-the-demo"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts listen."""

    web: str
    sandbox: str
    #: Where providers post to, in a process of its own; '': to the console.
    hooks: str = ""


def empty_folder(folder: Path) -> None:
    """Make a folder for a demo, or empty that of an earlier one; raise InputError for one that is neither."""
    try:
        if folder.is_dir() and not (folder / MARK).exists() and any(folder.iterdir()):
            raise InputError(f"{folder} holds something else than a demo: name a folder that is new or empty.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def environment_of(folder: Path, addresses: Addresses) -> dict[str, str]:
    """Return the instance's settings as variables; its keys are new and open nothing else."""
    secret_key = secrets.token_urlsafe(48)
    values = {
        "MODE": "demo",
        "DATABASE_URL": f"sqlite:///{folder.resolve() / 'fingerpost.db'}",
        "PUBLIC_URL": addresses.web,
        "PORT": _port(addresses.web),
        "HOOKS_URL": addresses.hooks,
        "HOOKS_PORT": _port(addresses.hooks) or "0",
        "SECRET_KEY": secret_key,
        "ENCRYPTION_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "LOOKUP_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SANDBOX_URL": addresses.sandbox,
        # It is started before, and told how chance treats the run.
        "STARTS_SANDBOX": "false",
        # A rehearsal does not wait an hour before it asks the provider's list.
        "RECONCILE_GRACE_SECONDS": "10",
        "RECONCILE_INTERVAL_SECONDS": "5",
        "UNCONFIRMED_AFTER_SECONDS": "22",
        # Nor does it watch the first messages for five minutes.
        "CANARY_WAIT_SECONDS": "10",
        # Whoever runs the demo at night does not wait until morning: nobody is woken.
        "QUIET_HOURS": "false",
    }
    environment = {f"FINGERPOST_{name}": value for name, value in values.items()}
    # The sandbox of an instance has one token for all its providers, and needs no telling which.
    token = load_settings(environment).sandbox_token()
    return environment | {
        "FINGERPOST_SECRET_TWILIO": f"{ACCOUNT}:{token}",
        "FINGERPOST_SECRET_TELEGRAM": f"{BOT}:{token}",
    }


def owned_by(organisation: str) -> dict[str, str]:
    """Return the variables that give an organisation's slug the credentials.

    From the moment at which there is a partner nothing is sent with what is nobody's.
    """
    return dict.fromkeys(("FINGERPOST_OWNERS_TWILIO", "FINGERPOST_OWNERS_TELEGRAM"), organisation)


def start_sandbox(processes: Processes, addresses: Addresses, settings: Settings) -> SandboxControl:
    """Start the sandbox of the instance and tell it how chance treats the run."""
    processes.start(
        "sandbox",
        "sandbox",
        f"--port={_port(addresses.sandbox)}",
        f"--inbound-url={addresses.hooks or addresses.web}/hooks/twilio/inbound",
        f"--seed={scenario.SEED}",
    )
    processes.wait_for(settings.phones_url())
    control = SandboxControl(addresses.sandbox, settings.sandbox_token(CONTROL_DOOR))
    control.change_fixture(
        profile=scenario.PROFILE,
        profiles=scenario.PROFILES,
        landlines=list(scenario.LANDLINES),
        telegram_all_known=True,
        approval_s=scenario.APPROVAL_SECONDS,
    )
    return control


def _port(url: str) -> str:
    return url.rpartition(":")[2]
