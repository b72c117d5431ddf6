"""Keeps a process that holds secrets from being read by other processes of the same account."""

import ctypes
import sys

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4


def keep_to_ourselves() -> None:
    """Close environment, memory and open files of this process and its copies to other processes.

    Only root may look at them in /proc from here on, or attach a debugger. A program that one of
    them becomes is a new one in this respect. Linux only.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
