import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_local.code.source import Source
from tests.support.project import write_project
from tests.support.starting import StartLambda
from tests.support.waiting import wait_until

SHELL = r"""
cd "$(dirname "$1")"
find "$(basename "$1")" -type f \
    ! -path '*/.*' ! -path '*/__pycache__/*' ! -name '*~' ! -name '*.pyc' -print0 |
    LC_ALL=C sort -z | xargs -0 $2 | $2 | cut -d ' ' -f 1
"""
FILES = {
    "function/__init__.py": "",
    "function/app.py": "app\n",
    "function/App.py.txt": "not only Python\n",
    "function/a b/ü.py": "unicode\n",
    "function/a/b.py": "below\n",
    "function/a.py": "sorts between\n",
    "function/.hidden": "no\n",
    "function/.git/config": "no\n",
    "function/__pycache__/app.pyc": "no\n",
    "function/app.py~": "no\n",
    "function/old.pyc": "no\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    return tmp_path / "function"


def test_the_hash_is_the_one_that_a_shell_finds(root: Path) -> None:
    sha256sum = "sha256sum" if shutil.which("sha256sum") else "shasum -a 256"
    found = subprocess.run(
        ["bash", "-c", SHELL, "bash", str(root), sha256sum],
        check=True,
        capture_output=True,
        text=True,
    )

    assert Source((root,)).sha256() == found.stdout.strip()


def test_the_hash_is_that_of_the_text_and_the_names_alone(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy/function")
    before = Source((root,)).sha256()
    (root / "app.py").touch()

    assert Source((root,)).sha256() == before
    assert Source((tmp_path / "copy/function",)).sha256() == before


def test_the_order_of_the_directories_is_the_one_given(root: Path) -> None:
    below = root / "a"

    assert Source((root, below)).sha256() != Source((below, root)).sha256()


def write_over(root: Path) -> None:
    (root / "app.py").write_text("APP\n", encoding="utf-8")


def write_back_dated(root: Path) -> None:
    stat = (root / "app.py").stat()
    write_over(root)
    os.utime(root / "app.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(root: Path) -> None:
    (root / ".new").write_text("APP\n", encoding="utf-8")
    (root / ".new").replace(root / "app.py")


def add(root: Path) -> None:
    (root / "a/new.py").touch()


def remove(root: Path) -> None:
    (root / "a/b.py").unlink()


def rename(root: Path) -> None:
    (root / "a").rename(root / "z")


def remove_the_root(root: Path) -> None:
    shutil.rmtree(root)


CHANGES = [write_over, write_back_dated, replace, add, remove, rename, remove_the_root]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_and_settles(root: Path, change: Callable[[Path], None]) -> None:
    source = Source((root,))
    before = asyncio.run(source.settled())
    assert not source.changed()

    change(root)

    assert source.changed()
    assert asyncio.run(source.settled()) != before
    assert not source.changed()


def test_a_link_does_not_count(root: Path) -> None:
    before = Source((root,)).sha256()
    (root / "link.py").symlink_to("app.py")
    (root / "dangling.py").symlink_to("nowhere")

    assert Source((root,)).sha256() == before


def test_nothing_watched_never_changes() -> None:
    async def changes() -> list[None]:
        return [change async for change in Source(()).changes()]

    assert not Source(()).changed()
    assert asyncio.run(changes()) == []


def test_requests_are_answered_while_code_changes_without_end(start_lambda: StartLambda) -> None:
    service = start_lambda(
        "def handler(event, context): return 1\n",
        constants={"code.source._LONGEST_STORM": 0.3},
    )
    done = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not done.wait(0.002):
            written += 1
            path = service.project / f"function/part{written % 5}.py"
            path.write_text(f"number = {written}\n", encoding="utf-8")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: written > 10)
        assert [service.invoke().json() for _ in range(3)] == [1, 1, 1]
    finally:
        done.set()
        writer.join()
    assert service.invoke().json() == 1
