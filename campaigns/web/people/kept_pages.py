"""Finished pages of one process are kept for some seconds; they are the same for everybody, whoever asks.

Pure. What is kept is known by its address alone: never by whom it was for, and without when it was asked for.
"""

from __future__ import annotations

import gzip
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

#: A number that is marked as dead is gone from what this process gives out after so many seconds.
KEPT_FOR = timedelta(seconds=10)
#: More addresses than people ask for at once; beyond it the oldest page goes.
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Finished:
    """A page as it leaves, plain and compressed."""

    body: bytes
    compressed: bytes
    tag: str
    language: str
    #: For how many seconds a browser may show it again without asking.
    age: int


def finish(text: str, *, language: str, age: int) -> Finished:
    """Return a page ready to leave, with a tag made of what it says."""
    body = text.encode()
    return Finished(body, gzip.compress(body, 6, mtime=0), sha256(body).hexdigest()[:16], language, age)


class KeptPages:
    """Remembers the pages that were asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: OrderedDict[str, tuple[datetime, Finished]] = OrderedDict()

    def find(self, address: str, now: datetime) -> Finished | None:
        """Return the page of an address, if it was made in the last seconds."""
        made, page = self._pages.get(address, (now, None))
        return page if now - made < KEPT_FOR else None

    def keep(self, address: str, page: Finished, now: datetime) -> None:
        """Remember the page of an address."""
        with self._lock:
            self._pages.pop(address, None)
            self._pages[address] = now, page
            while len(self._pages) > MOST:
                self._pages.popitem(last=False)

    def forget(self) -> None:
        """Make every page anew."""
        with self._lock:
            self._pages.clear()
