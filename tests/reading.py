"""Has files read by children forked from one that has loaded our program, where how they start is not the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from campaigns.core.limited import child
from campaigns.core.limited.child_limits import Limits
from tests.starting import start


def run_forked(limits: Limits, source: BinaryIO, letter: BinaryIO, answer: BinaryIO) -> int | None:
    """Do what the parent of such a child does; the files have no names but those of our descriptors."""
    files = (f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (source, letter, answer))
    started = start("tests.reading:main", *files, environ={}, log=Path(os.devnull))
    try:
        return started.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        started.end()


def main() -> None:
    """Take the place of the child's beginning."""
    source, letter, answer = sys.argv[1:]
    os.dup2(os.open(source, os.O_RDONLY), 0)
    os.dup2(os.open(answer, os.O_WRONLY), 1)
    child.main(os.open(letter, os.O_RDWR))
