"""What processes take of the processors, and how to give them a share of one only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.delivery.serving import children_of

#: A share is given out anew so often, in microseconds: short, so that no call waits long for its turn.
_PERIOD = 10_000
#: Where processors are shared out, by the version of the kernel's control groups.
_FIRST, _SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and of all that it started, those that ended included, in seconds."""
    try:
        own = sum(map(int, _fields(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
        return own + sum(cpu_seconds(child) for child in children_of(pid))
    except (FileNotFoundError, ProcessLookupError):
        # It ended just now; its time is its parent's.
        return 0.0


def parent_of(pid: int) -> int:
    """Return the process that started another one."""
    return int(_fields(pid)[1])


def _fields(pid: int) -> list[str]:
    """Return what the kernel says of a process, from its state on: the name before may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


@contextmanager
def sharing(share: float, name: str) -> Iterator[Path | None]:
    """Yield a group whose processes get `share` of one processor together, or None where groups cannot be made."""
    quota = str(int(share * _PERIOD))
    is_first = _FIRST.is_dir()
    group = (_FIRST if is_first else _SECOND) / f"fingerpost-{os.getpid()}-{name}"
    try:
        group.mkdir()
        if is_first:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD), encoding="ascii")
            (group / "cpu.cfs_quota_us").write_text(quota, encoding="ascii")
        else:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD}", encoding="ascii")
    except OSError:
        if group.is_dir():
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def put_into(group: Path, pid: int) -> None:
    """Put a process, with all its threads, into a group."""
    (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
