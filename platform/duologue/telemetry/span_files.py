"""Traces in local files, for those without a collector. They take a bounded amount of room."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TextIO

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from duologue.home import expanded
from duologue.model.cache import cache_folder
from duologue.telemetry.otlp_json import span_line

SUFFIX = ".spans.jsonl"
MAX_FILE_BYTES = 8 * 2**20
MAX_FOLDER_BYTES = 256 * 2**20


def trace_folder(trace_dir: str | None) -> Path:
    """Where the files are: the folder that is set, or one below the user's cache."""
    return expanded(trace_dir) if trace_dir is not None else cache_folder() / "traces"


def span_files(folder: Path) -> list[Path]:
    """All files with spans, those that were written last at the end."""
    timed = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            timed.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:  # another process has just made room
            continue
    return [path for _, path in sorted(timed)]


class FileExporter(SpanExporter):
    """Appends one line per span to a file of this process, and begins another when it is full.

    Whoever begins a file removes the oldest ones of the folder, so that all of them together stay
    within MAX_FOLDER_BYTES, give or take the files that are being written.
    """

    def __init__(
        self,
        folder: Path,
        service: str,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_folder_bytes: int = MAX_FOLDER_BYTES,
    ) -> None:
        """Raises OSError if the folder cannot be made."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._prefix = f"{service}-{os.getpid()}"
        self._max_file_bytes = max_file_bytes
        self._max_folder_bytes = max_folder_bytes
        self._file: TextIO | None = None
        self._num_bytes = 0
        self._num_files = 0
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them down; what cannot be written is lost, and said to be."""
        try:
            with self._lock:
                for span in spans:
                    self._write(span_line(span) + "\n")
                if self._file is not None:
                    self._file.flush()
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        with self._lock:
            self._close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True  # every export is flushed

    def _write(self, line: str) -> None:
        if self._file is None or self._num_bytes + len(line) > self._max_file_bytes:
            self._begin_file()
        assert self._file is not None
        self._file.write(line)
        self._num_bytes += len(line)  # JSON in ASCII

    def _begin_file(self) -> None:
        self._close()
        self._make_room()
        while True:
            self._num_files += 1
            path = self._folder / f"{self._prefix}-{self._num_files}{SUFFIX}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                # Traces tell who spoke when, and may hold what was said.
                descriptor = os.open(path, flags, 0o600)
            except FileExistsError:  # of an earlier process with this number
                continue
            self._file = os.fdopen(descriptor, "w", encoding="ascii")
            self._num_bytes = 0
            return

    def _make_room(self) -> None:
        room = self._max_folder_bytes - self._max_file_bytes
        for path in reversed(span_files(self._folder)):
            try:
                room -= path.stat().st_size
                if room < 0:
                    path.unlink()
            except FileNotFoundError:
                continue

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
