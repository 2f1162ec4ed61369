"""A process that works until SIGTERM ends here, and ends all the same when it cannot in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading

#: A process that was told to end and cannot, because the database leaves its threads waiting, ends after so long.
END_SECONDS = 14.0

_log = logging.getLogger(__name__)


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set `stopping` on SIGTERM and Ctrl-C; only the main thread may ask for signals."""

    def stop() -> None:
        if not stopping.is_set():
            watchdog = threading.Timer(END_SECONDS, _break_off)
            watchdog.daemon = True
            watchdog.start()
        stopping.set()

    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)


def _break_off() -> None:
    """End this process as a kill would: others, or the next worker, repair what it leaves."""
    _log.error("the worker cannot end in good order and breaks off")
    logging.shutdown()
    os._exit(1)
