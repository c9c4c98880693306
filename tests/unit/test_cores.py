"""Cores that may be used: the affinity's, unless a container's quota is less."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from duologue.actors.batcher_host import threads_beside_others
from duologue.cores import threads_by_quota, usable_cores

PERIOD = 100_000
V2 = "0::{}\n"
V1 = "5:cpuset:{0}\n4:cpu,cpuacct:{0}\n1:name=systemd:{0}\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)


def tree(folder: Path, groups: str, files: Mapping[str, str]) -> Path:
    """A root with these files below /sys/fs/cgroup, and a process in these groups."""
    for name, text in {"proc/self/cgroup": groups, **_below(files)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _below(files: Mapping[str, str]) -> dict[str, str]:
    return {f"sys/fs/cgroup/{name}": f"{text}\n" for name, text in files.items()}


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("/", {"cpu.max": "200000 100000"}, 2),
        ("/", {"cpu.max": "350000 100000"}, 3),
        ("/", {"cpu.max": "50000 100000"}, 1),
        ("/", {"cpu.max": "max 100000"}, 16),
        ("/", {"cpu.max": "6400000 100000"}, 16),
        ("/", {}, 16),
        ("/", {"cpu.max": "nonsense"}, 16),
        ("/pods/one", {"pods/one/cpu.max": "max 100000", "pods/cpu.max": "400000 100000"}, 4),
        ("/pods/one", {"pods/one/cpu.max": "300000 100000", "pods/cpu.max": "800000 100000"}, 3),
        ("/of/the/host", {"cpu.max": "500000 100000"}, 5),
        ("/../../other", {"cpu.max": "500000 100000"}, 5),
    ],
)
def test_cgroups_of_version_2(
    tmp_path: Path, group: str, files: Mapping[str, str], cores: int
) -> None:
    assert usable_cores(tree(tmp_path, V2.format(group), files)) == cores


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "cores"), [(250_000, 2), (-1, 16)])
@pytest.mark.parametrize("group", ["/", "/docker/0123", "/docker"])
def test_cgroups_of_version_1(
    tmp_path: Path, folder: str, quota: int, cores: int, group: str
) -> None:
    files = {
        f"{folder}/{'docker/' if group == '/docker' else ''}cpu.cfs_quota_us": str(quota),
        f"{folder}/{'docker/' if group == '/docker' else ''}cpu.cfs_period_us": str(PERIOD),
    }
    assert usable_cores(tree(tmp_path, V1.format(group), files)) == cores


def test_where_there_are_no_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 16


def test_a_forward_leaves_a_core_of_the_quota_to_everything_else(tmp_path: Path) -> None:
    assert threads_beside_others(tree(tmp_path, V2.format("/"), {"cpu.max": "400000 100000"})) == 3
    assert threads_beside_others(tree(tmp_path, V2.format("/"), {"cpu.max": "100000 100000"})) == 1


def test_libraries_are_told_of_a_quota_and_of_nothing_else(tmp_path: Path) -> None:
    bounded = tree(tmp_path / "bounded", V2.format("/"), {"cpu.max": "400000 100000"})
    environment: dict[str, str] = {}
    threads_by_quota(environment, bounded)
    assert environment == {"OMP_NUM_THREADS": "4"}
    chosen = {"OMP_NUM_THREADS": "7"}
    threads_by_quota(chosen, bounded)
    assert chosen == {"OMP_NUM_THREADS": "7"}
    free: dict[str, str] = {}
    threads_by_quota(free, tree(tmp_path / "free", V2.format("/"), {"cpu.max": "max 100000"}))
    assert free == {}
