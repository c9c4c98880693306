"""A session runs in light processes: without torch, transformers, ray, grpc or redis."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "numpy", "ray", "grpc", "redis")
PROTOBUF = ("google.protobuf",)


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("duologue.session.session", HEAVY + PROTOBUF),
        ("duologue.session.chronicle", HEAVY + PROTOBUF),
        ("duologue.session.model_words", HEAVY + PROTOBUF),
        ("duologue.notices", HEAVY + PROTOBUF),
        ("duologue.wire.events", HEAVY),
        ("duologue.wire.checkpoints", HEAVY),
        ("duologue.wire.model", HEAVY),
        ("duologue.telemetry.session_spans", HEAVY + PROTOBUF),
        ("duologue.telemetry.conversation_meter", HEAVY + PROTOBUF),
    ],
)
def test_a_session_loads_nothing_heavy(module: str, without: tuple[str, ...]) -> None:
    script = f"import sys, {module}\nprint([name for name in {without!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr
