"""These limits, which both sides import, say how much a child may take to read one file, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

#: How a child ends: all is in its answer; the file is wrong, as its letter says; our program is; memory is out, or
#: room on the disk.
DONE, REFUSED, BROKEN, FULL, DISK_FULL = 0, 3, 4, 5, 6
#: The system ends a child that has lost its parent this number of seconds after its time.
GRACE_SECONDS = 5
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost."""

    #: On the clock, beginning with the child.
    seconds: int = 30
    #: Of the processor, once the child has loaded its program.
    processor_seconds: int = 20
    #: Of addresses, beside what the program takes.
    megabytes: int = 256
    #: Of what was read, as it is handed back.
    answer_megabytes: int = 32


#: For a file that somebody waits for.
USUAL = Limits()
