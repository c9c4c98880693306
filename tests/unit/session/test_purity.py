"""A session runs in light processes: without torch, transformers, ray, grpc or redis."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "numpy", "ray", "grpc", "redis")


def test_a_session_loads_nothing_heavy() -> None:
    script = (
        "import sys, duologue.session.session\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr
