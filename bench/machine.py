"""The machine under the numbers: its description, its limits, the C tools built on it."""

from __future__ import annotations

import datetime as dt
import os
import platform
import resource
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
BINARIES = OUT / "peers" / "bin"
"""Where scripts/bench-peers puts other servers."""
FILES = 200_000
"""Open files asked for: 10,000 connections to each of a handful of servers."""

SERVER_CPU = 0
CLIENT_CPU = (os.cpu_count() or 1) - 1
"""Servers and clients are pinned to a core each, so that neither wanders during a round."""


def describe() -> str:
    """Tell on what, when and by which command the numbers below were made."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = dt.datetime.now(dt.UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, {model}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.2f}\n"
        f"python -m bench {' '.join(sys.argv[1:])}".rstrip()
    )


def raise_open_files() -> str:
    """Raise RLIMIT_NOFILE for this process and its children; tell what was got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in ((FILES, max(hard, FILES)), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, wanted)
            break
        except (ValueError, OSError):
            continue
    got = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"open files: {got:,} (was {soft:,}, limit {hard:,})"


def connections_possible(wanted: int) -> int:
    """Cut a number of connections to what one process may have open, some left for itself."""
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)


def build() -> None:
    """Compile the C tools whose source is newer. Raises `SystemExit` without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("bench needs a C compiler as cc: install gcc or clang")
    OUT.mkdir(exist_ok=True)
    header = HERE / "net.h"
    for source in sorted(HERE.glob("*.c")):
        binary = OUT / source.stem
        newest = max(source.stat().st_mtime, header.stat().st_mtime)
        if not binary.exists() or binary.stat().st_mtime < newest:
            fresh = binary.with_suffix(f".{os.getpid()}")  # somebody may be running the old one
            command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(fresh), str(source)]
            subprocess.run(command, check=True)
            fresh.replace(binary)


def find_program(name: str) -> str | None:
    """Look for a peer's program beside this Python, among fetched ones, then on the path."""
    beside = Path(sys.executable).parent
    for place in (beside, BINARIES, Path("/usr/sbin")):
        if os.access(place / name, os.X_OK):
            return str(place / name)
    return shutil.which(name)
