"""The C compiler that the package triton needs, once on a machine, for its way to the driver."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import triton


def why_no_compiler() -> str:
    """What is missing, in words; empty if nothing is."""
    if not _has_own() and importlib.util.find_spec("ziglang") is None:
        return "triton needs a C compiler, and there is neither cc nor the package ziglang"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "triton needs the headers of Python (python3-dev)"
    return ""


def provide() -> None:
    """Where there is no compiler, have triton use the one of the package ziglang."""
    knobs: Any = triton.knobs
    if not _has_own() and knobs.build.impl is None:
        knobs.build.impl = build_with_zig


def build_with_zig(
    name: str,
    source: str,
    folder: str,
    library_dirs: Sequence[str],
    include_dirs: Sequence[str],
    libraries: Sequence[str],
) -> str:
    """Compile an extension module as triton asks for it; its path. Raises CalledProcessError."""
    target = Path(folder, name + str(sysconfig.get_config_var("EXT_SUFFIX")))
    includes = [*include_dirs, folder, sysconfig.get_paths()["include"]]
    # By their paths: not every linker knows libraries by the names of their files.
    found = [_path(library, library_dirs) for library in libraries]
    command = [sys.executable, "-m", "ziglang", "cc", source, "-O2", "-shared", "-fPIC", "-w"]
    command += [f"-I{include}" for include in includes]
    subprocess.run([*command, *found, "-o", str(target)], check=True, stdin=subprocess.DEVNULL)
    return str(target)


def _path(library: str, folders: Sequence[str]) -> str:
    paths = (Path(folder, library) for folder in folders)
    return next((str(path) for path in paths if path.exists()), f"-l{library}")


def _has_own() -> bool:
    """Whether triton finds one by itself."""
    return "CC" in os.environ or any(shutil.which(name) for name in ("gcc", "clang"))
