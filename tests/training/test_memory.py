"""The memory that is left: the smallest of what machine, containers and limits say."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from sdml.training.memory import available_memory

MIB = 1 << 20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {
        "proc/meminfo": "MemFree: 1 kB\nMemAvailable: 8388608 kB\n",
        **files,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_limits_it_is_the_machine_s(tmp_path: Path) -> None:
    assert available_memory(write(tmp_path, {})) == 8192 * MIB


def test_the_tightest_group_above_counts_and_its_file_cache_is_free(tmp_path: Path) -> None:
    groups = "sys/fs/cgroup/"
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/container\n",
            f"{groups}pod/container/memory.max": "max\n",
            f"{groups}pod/container/memory.current": f"{100 * MIB}\n",
            f"{groups}pod/memory.max": f"{1024 * MIB}\n",
            f"{groups}pod/memory.current": f"{900 * MIB}\n",
            f"{groups}pod/memory.stat": f"anon 5\ninactive_file {300 * MIB}\nactive_file {MIB}\n",
        },
    )
    assert available_memory(root) == (1024 - 900 + 301) * MIB


def test_version_1_of_control_groups(tmp_path: Path) -> None:
    groups = "sys/fs/cgroup/memory/"
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/a\n4:memory:/a\n",
            f"{groups}a/memory.limit_in_bytes": f"{512 * MIB}\n",
            f"{groups}a/memory.usage_in_bytes": f"{500 * MIB}\n",
            f"{groups}memory.limit_in_bytes": "9223372036854771712\n",
            f"{groups}memory.usage_in_bytes": f"{20000 * MIB}\n",
        },
    )
    assert available_memory(root) == 12 * MIB


def test_more_in_use_than_allowed_is_nothing_left(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "1000\n",
            "sys/fs/cgroup/memory.current": "2000\n",
        },
    )
    assert available_memory(root) == 0


def test_a_limit_of_this_process_counts() -> None:
    program = "from sdml.training.memory import available_memory; print(available_memory())"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (4096 * MIB, 4096 * MIB))

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, preexec_fn=limit
    )
    assert 0 < int(said.stdout) < 4096 * MIB
