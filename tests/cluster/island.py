"""A machine of its own as far as the network goes: a namespace with one cable to the rest, which can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from types import TracebackType

_numbers = count()
IP = shutil.which("ip") or ""


def may_dig() -> bool:
    """Say whether this process may make network namespaces and cables into them."""
    if os.geteuid() != 0 or not IP:
        return False
    probe = f"fp-probe-{os.getpid()}"
    made = subprocess.run([IP, "netns", "add", probe], capture_output=True, check=False).returncode == 0
    if made:
        _ip("netns", "del", probe)
    return made


class Island:
    """A network namespace; `ours` is this side's address on the cable."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.name = f"fp-{os.getpid()}-{number}"
        self.inside = [IP, "netns", "exec", self.name]
        self._cable = f"fp{os.getpid()}.{number}"
        # From the addresses that are kept for measuring networks.
        self.ours, self._theirs = f"198.18.{os.getpid() % 250}.{number * 4 + 1}", number * 4 + 2

    def __enter__(self) -> Island:
        there = f"{self.ours.rpartition('.')[0]}.{self._theirs}/30"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "shore", "netns", self.name)
        _ip("address", "add", f"{self.ours}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        _ip("-n", self.name, "address", "add", there, "dev", "shore")
        for device in ("lo", "shore"):
            _ip("-n", self.name, "link", "set", device, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ip("link", "del", self._cable)
        _ip("netns", "del", self.name)

    def cut(self) -> None:
        """Pull the cable: what is sent disappears."""
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        _ip("link", "set", self._cable, "up")


def _ip(*arguments: str) -> None:
    subprocess.run([IP, *arguments], check=True, capture_output=True)
