"""Run a program that ends when its parent ends: `python parent_bound.py PARENT_PID PROGRAM ARG...`

A script of its own, so that nothing has to run between fork and exec of a process with threads.
Linux kills the program when the *thread* that started it ends, also one that is stopped or hangs;
elsewhere nothing does.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, program: list[str]) -> None:
    """Become the program. Returns (without it) only if the parent is gone already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    os.umask(0o077)  # what it writes is its user's alone
    if os.getppid() == parent_pid:  # asked after prctl, so that no end of it is missed
        os.execv(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
