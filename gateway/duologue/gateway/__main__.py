"""`python -m duologue.gateway`: the same as `duologue gateway`."""

import sys

import typer

from duologue.cli.gateway import gateway
from duologue.cli.terminal import show_error
from duologue.errors import DuologueError

EXIT_ERROR = 2

try:
    typer.run(gateway)
except DuologueError as error:
    show_error(str(error))
    sys.exit(EXIT_ERROR)
