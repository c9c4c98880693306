"""The `duologue` command where it may be that only the client is installed."""

import sys


def main() -> None:
    """Run the command; without the server's packages, say how to get them."""
    try:
        from duologue.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "duologue":
            raise
        print(
            f"error: '{error.name}' is missing: this is the client alone, and the commands come"
            " with the server: pip install 'duologue[server]'",
            file=sys.stderr,
        )
        sys.exit(2)
    run()
