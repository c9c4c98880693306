"""The library, found or built, and loaded once in a process."""

from ctypes import CDLL, POINTER, c_int32, c_int64, c_void_p, sizeof
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from duologue.forward.native.build import NO_INSTRUCTIONS, BuildFailed, built_library
from duologue.forward.native.forward_structures import (
    IN_ORDER,
    LinearStruct,
    ModelStruct,
    RowsStruct,
)
from duologue.forward.native.structures import declare
from duologue.forward.native.variants import LibraryVariant, best_variant


@dataclass(frozen=True, slots=True)
class Library:
    """A loaded variant. Its functions run without the interpreter's lock."""

    variant: LibraryVariant
    functions: CDLL


class NotLoaded(Exception):
    """The library cannot be had here; the text says why."""


def load_library(variant: LibraryVariant | None = None) -> Library:
    """The best variant for this machine, or the one that is asked for.

    Raises NotLoaded.
    """
    chosen = variant or best_variant()
    if chosen is None:
        raise NotLoaded(NO_INSTRUCTIONS)
    return _load(chosen)


@cache
def _load(variant: LibraryVariant) -> Library:
    try:
        return open_library(built_library(variant), variant)
    except (BuildFailed, OSError) as error:
        raise NotLoaded(str(error)) from error


def open_library(path: Path, variant: LibraryVariant) -> Library:
    """Load what was compiled from these sources.

    Raises OSError.
    """
    functions = CDLL(str(path))
    _declare(functions)
    sizes = (c_int64 * len(IN_ORDER))()
    functions.duologue_structure_bytes(sizes)
    assert list(sizes) == [sizeof(structure) for structure in IN_ORDER], list(sizes)
    return Library(variant, functions)


def _declare(functions: CDLL) -> None:
    """Tell ctypes what the functions take and give."""
    declare(functions)
    for name, arguments, result in (
        ("duologue_structure_bytes", [POINTER(c_int64)], None),
        ("duologue_workspace_bytes", [POINTER(ModelStruct), c_int64, c_int32], c_int64),
        ("duologue_forward", [POINTER(ModelStruct), POINTER(RowsStruct)], None),
        (
            "duologue_linear_rows",
            [c_int32, POINTER(LinearStruct), c_void_p, c_int64, c_void_p, c_int64, c_int32],
            None,
        ),
    ):
        function = getattr(functions, name)
        function.argtypes = arguments
        function.restype = result
