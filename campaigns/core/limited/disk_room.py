"""What is read of a file waits on the disk, and one that is full is told in a sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO

from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_

#: By these a system says that there is no room, or none for us.
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextmanager
def scratch_file() -> Iterator[BinaryIO]:
    """Give a file that has no name, and is gone at the end.

    Whoever writes into it has it flushed, or goes to its beginning, while they are `needing_room`: what is left
    when it is closed had no room, and that was said.
    """
    with TemporaryFile() as file:
        try:
            yield file
        finally:
            with suppress(OSError):
                file.close()


@contextmanager
def needing_room() -> Iterator[None]:
    """Raise UnavailableError where the disk has no room for what is written inside."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise no_room() from None


def no_room() -> UnavailableError:
    """Return the error of a full disk."""
    return UnavailableError(N_("The disk has no room for what was read of the file. Nothing was changed."))
