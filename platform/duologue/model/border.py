"""The border to transformers: within it the library is quiet, and fails in one clear way."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from duologue.errors import DuologueError, ModelUnavailable


@contextmanager
def inside_transformers(doing: str) -> Iterator[None]:
    """Turn whatever goes wrong within into a ModelUnavailable that begins "cannot <doing>".

    Meanwhile transformers shows no progress bars and no messages: problems that matter come as
    exceptions or are checked by the caller. The library's settings, which all threads share, are
    put back afterwards.
    """
    try:
        with _quiet():
            yield
    except DuologueError:
        raise
    except ImportError as error:
        name = f"'{error.name}'" if error.name else "a package"
        raise ModelUnavailable(
            f"cannot {doing}: {name} is missing ({_in_one_line(error)}); install it with"
            f" 'pip install {error.name or 'NAME'}'"
        ) from error
    except Exception as error:  # a broken file can make the library raise nearly anything
        raise ModelUnavailable(f"cannot {doing}: {_in_one_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging as library

    verbosity, had_bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(logging.CRITICAL)
    library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        library.set_verbosity(verbosity)
        if had_bars:
            library.enable_progress_bar()


def _in_one_line(error: Exception, max_length: int = 300) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= max_length else f"{text[:max_length]}…"
