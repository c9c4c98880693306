"""`make images` and `make sbom`, with the tools that are installed here."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.images.dockerfile import ROOT

INSTALLED = (f"BIN={Path(sys.executable).parent}", "STAMP=/dev/null")


def make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *INSTALLED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_linter_is_run() -> None:
    assert make("images") == ""


# It reads all that is installed: 15 s of a core, and minutes beside other work.
@pytest.mark.timeout(300)
def test_what_is_in_an_environment(tmp_path: Path) -> None:
    bill = tmp_path / "bills" / "here.cdx.json"
    assert make("sbom", f"ENVIRONMENT={sys.prefix}", f"BILL={bill}") == f"written: {bill}\n"
    told = {
        each["name"]: each["version"]
        for each in json.loads(bill.read_text(encoding="utf-8"))["components"]
    }
    assert told["grpcio"] == version("grpcio")
    assert told["ray"] == version("ray")
