"""Runs tests again and again beside processes that take its cores from it, up to the first failure.

`make repeat SUITE=tests/gateway TIMES=20 BUSY=2`: what fails now and then fails here.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="+", help="what pytest is to run")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--busy", type=int, default=2, help="processes that compute beside it")
    options = parser.parse_args()
    with ExitStack() as stack:
        for _ in range(options.busy):
            stack.enter_context(busy())
        for number in range(1, options.times + 1):
            print(f"{number} of {options.times}: {' '.join(options.suite)}", flush=True)
            command = [sys.executable, "-m", "pytest", "-q", "--durations=3", *options.suite]
            if code := subprocess.run(command, check=False).returncode:
                return code
    return 0


@contextmanager
def busy() -> Iterator[None]:
    """A process that computes for as long as the block, or until its parent is gone."""
    program = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
