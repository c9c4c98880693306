"""Without the package triton there is nothing to test here: it is for Linux alone."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("triton") is not None else ["test_*.py"]
