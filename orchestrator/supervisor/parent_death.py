"""Becomes another program that does not outlive the process which started it.

Run as a file, not as a module, so that it starts in milliseconds: arguments are the parent's
process id, the lifeline's file descriptor (or -) and the command.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, lifeline, *command = sys.argv[1:]
    if lifeline == "-":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(1)
        os.execv(command[0], command)
    sys.exit(watch(int(lifeline), command))


def watch(lifeline: int, command: list[str]) -> int:
    """Run `command` and stop it when nobody holds the other end of `lifeline` any more."""
    process = subprocess.Popen(command, close_fds=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: process.send_signal(received))

    def wait_for_the_end() -> None:
        os.read(lifeline, 1)
        process.terminate()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    main()
