"""What docs/operations.md tells operators to type is what chart and program understand."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from duologue.configuration import setting_names
from tests.chart.helm import CHART, PROFILES, ROOT, of_kind, profile, render
from tests.chart.vocabulary import metric_names, problem_of_command

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = (
    "Install on Kubernetes",
    "Size",
    "Upgrade without dropping calls",
    "Back up and restore",
)
TEXT = "".join(re.split(r"^## ", PAGE, flags=re.MULTILINE)[1 : len(SECTIONS) + 1])
NOTES = (CHART / "templates" / "NOTES.txt").read_text(encoding="utf-8")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def _commands(text: str) -> Iterator[list[str]]:
    """Those of our program, also in a pod, on lines of their own and in the midst of a text."""
    fenced = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in "".join(fenced).splitlines():
        words = shlex.split(line, comments=True) if "'" not in line else []
        if "--" in words:
            words = words[words.index("--") + 1 :]
        if words[:1] == ["duologue"]:
            yield words
    for words in re.findall(r"`(duologue [^`]+)`", text):
        yield [*shlex.split(words), "--help"]  # a name, without what it is to be given


def test_the_sections_are_at_the_top() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE)[:4] == list(SECTIONS)


@pytest.mark.parametrize("command", list(_commands(TEXT)), ids=shlex.join)
def test_the_program_has_its_commands(command: list[str]) -> None:
    assert problem_of_command(command) is None


def test_the_notes_show_commands_that_there_are() -> None:
    (command,) = re.findall(r"-- (duologue .+)$", NOTES, re.MULTILINE)
    assert problem_of_command(shlex.split(command)) is None


def test_a_command_that_there_is_not_is_found() -> None:
    (command,) = _commands("```bash\nkubectl exec a -- duologue tenants opreator-key\n```\n")
    assert "opreator-key" in str(problem_of_command(command))


def test_what_it_shows_of_other_programs_files_is_yaml_with_metrics_that_there_are() -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (adapter,) = (yaml.safe_load(each) for each in shown)
    (rule,) = adapter["rules"]
    metric, _, _ = rule["seriesQuery"].partition("{")
    assert metric in metric_names()
    (scaler,) = of_kind(render(profile("production")), "HorizontalPodAutoscaler")
    (asked,) = scaler["spec"]["metrics"]
    assert asked["pods"]["metric"]["name"] == metric


def test_the_profiles_that_it_names_are_all() -> None:
    assert sorted(re.findall(r"`([\w-]+)-values\.yaml`", TEXT)) == list(PROFILES)


def test_the_objects_that_it_names_are_there() -> None:
    objects = render(release="duologue")
    there = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in objects}
    named = re.findall(r"(rayservice|deploy|deployment|service)[/ ](duologue[\w-]*)", TEXT)
    assert len(named) >= 5
    for kind, name in named:
        assert f"{'deployment' if kind == 'deploy' else kind}/{name}" in there
    assert {f"{name}.talk" for _, name in named} >= {"duologue-gateway.talk"}
    (valkey,) = of_kind(objects, "StatefulSet")
    (claim,) = valkey["spec"]["volumeClaimTemplates"]
    assert f"exec {valkey['metadata']['name']}-0 " in TEXT
    assert f"{claim['metadata']['name']}-{valkey['metadata']['name']}-0" in TEXT
    assert "service/duologue-gateway-headless" in there


def _value(path: str) -> Any:
    found: Any = VALUES
    for step in path.replace("[]", ".0").split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


def test_the_values_that_it_names_are_there() -> None:
    tops = "|".join(VALUES)
    named = set(re.findall(rf"`((?:{tops})(?:\[\])?(?:\.[\w\[\]]+)+)(?::[^`]*)?`", TEXT))
    named |= set(re.findall(r"--set ([\w.]+)=", TEXT))
    assert len(named) > 15
    for path in named - set(setting_names()):
        if path.startswith("settings."):
            sections = {name.partition(".")[0] for name in setting_names()}
            rest = path.removeprefix("settings.")
            assert rest in sections or rest in setting_names(), path
        else:
            _value(path)
