"""Processes that do not outlive their parent."""

import ctypes
import os
import signal
import sys
from typing import Final

# From <linux/prctl.h>: the signal a process gets when the thread that made it ends.
PR_SET_PDEATHSIG: Final = 1


def die_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Ask Linux to send us ``number`` when our parent dies; elsewhere nothing is done.

    ``parent`` is the process id that the parent had: a parent that died before we could ask
    is noticed by it.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)
