"""Other people's feeds: the test files of feedparser's source distribution and of an npm package.

Nothing of them is in the repository. They are downloaded once, into a folder next to the packages of
the virtual environment, whichever process of a test run comes first; without a network tests skip.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from web_clients.programs import NODE, node_program

FEEDPARSER = "6.0.14"
CACHE = Path(sys.prefix) / "share" / "hubbub-corpus"
PATIENCE = 100


def feedparser_tests() -> Path:
    """Return the folder `tests` of feedparser's source distribution, or skip."""
    wanted = CACHE / f"feedparser-{FEEDPARSER}" / "tests"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not wanted.exists():
            unpack(download())
    return wanted


def download() -> Path:
    """Download the archive, or skip."""
    what = ["--no-deps", "--no-binary", "feedparser", f"feedparser=={FEEDPARSER}"]
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(CACHE), *what]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"pip could not download the corpus: {error}")
    archive = CACHE / f"feedparser-{FEEDPARSER}.tar.gz"
    if done.returncode or not archive.exists():
        pytest.skip(f"pip could not download the corpus: {done.stderr[-300:]}")
    return archive


def unpack(archive: Path) -> None:
    """Unpack an archive; the folder appears all at once."""
    beside = CACHE / "unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    with tarfile.open(archive) as files:
        files.extractall(beside, filter="data")
    name = archive.name.removesuffix(".tar.gz")
    (beside / name).rename(CACHE / name)


def podcasts() -> list[Path]:
    """Return real feeds of podcasts, or skip."""
    node_program("ws.mjs")  # installs the packages
    return sorted((NODE / "node_modules/podcast-feed-parser/test/testfiles").glob("*.xml"))
