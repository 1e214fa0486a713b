import asyncio
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from lambda_live.code.code_files import CodeFiles
from lambda_live.code.watched_code import WatchedCode
from support.lambda_service import LambdaService
from support.project import PACKAGE, write_project
from support.service_starter import StartService
from support.waiting import wait_until

SHELL = r"""
cd "$(dirname "$1")"
find "$(basename "$1")" -type f \
    ! -path '*/.git*' ! -name '*.swp' ! -path '*/__pycache__/*' ! -name '*~' ! -name '*.pyc' \
    -print0 |
    LC_ALL=C sort -z | xargs -0 $2 | $2 | cut -d ' ' -f 1
"""
FILES = {
    "function/__init__.py": "",
    "function/app.py": "app\n",
    "function/App.py.txt": "not only Python\n",
    "function/a b/ü.py": "unicode\n",
    "function/a/b.py": "below\n",
    "function/a.py": "sorts between\n",
    "function/.settings.json": "hidden, and ships\n",
    "function/.app.py.swp": "no\n",
    "function/.git/config": "no\n",
    "function/__pycache__/app.pyc": "no\n",
    "function/app.py~": "no\n",
    "function/old.pyc": "no\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    return tmp_path / "function"


def test_hash_equals_that_of_a_shell(root: Path) -> None:
    sha256sum = "sha256sum" if shutil.which("sha256sum") else "shasum -a 256"
    found = subprocess.run(
        ["bash", "-c", SHELL, "bash", str(root), sha256sum],
        check=True,
        capture_output=True,
        text=True,
    )

    assert hash_of(root) == found.stdout.strip()


def test_hash_depends_on_contents_and_names_only(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy/function")
    before = hash_of(root)
    (root / "app.py").touch()

    assert hash_of(root) == before
    assert hash_of(tmp_path / "copy/function") == before


def test_hash_depends_on_order_of_folders(root: Path) -> None:
    below = root / "a"

    assert hash_of(root, below) != hash_of(below, root)


def read_code(*roots: Path) -> WatchedCode:
    code = WatchedCode(roots)
    code.snapshot()
    return code


def hash_of(*roots: Path) -> str:
    return read_code(*roots).sha256()


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


@pytest.fixture(params=["inotify", "stat"])
def _watching(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "stat":
        monkeypatch.setattr("lambda_live.code.watcher._LOCAL_FILE_SYSTEMS", ())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("_watching")
def test_change_is_detected_once(root: Path, change: Callable[[Path], None]) -> None:
    code = WatchedCode((root,))
    before = asyncio.run(code.wait_until_quiet())
    assert not code.has_changed()

    change(root)

    assert code.has_changed()
    assert asyncio.run(code.wait_until_quiet()) != before
    assert not code.has_changed()


def test_link_target_is_code(root: Path, tmp_path: Path) -> None:
    write_project(tmp_path, {"shared/text.py": "1\n", "common/own/deep.py": "1\n"})
    before = hash_of(root)
    (root / "dangling.py").symlink_to("nowhere")
    (root / "a/round").symlink_to("..")
    assert hash_of(root) == before

    (root / "text.py").symlink_to(tmp_path / "shared/text.py")
    (root / "common").symlink_to(tmp_path / "common")
    code = WatchedCode((root,))
    hashes = {before, asyncio.run(code.wait_until_quiet())}
    for path in ("shared/text.py", "common/own/deep.py"):
        write_project(tmp_path, {path: "2\n"})
        assert code.has_changed()
        hashes.add(asyncio.run(code.wait_until_quiet()))
    (root / "text.py").unlink()
    (root / "text.py").symlink_to("app.py")
    assert code.has_changed()
    hashes.add(asyncio.run(code.wait_until_quiet()))
    assert len(hashes) == 5


@pytest.mark.usefixtures("_watching")
def test_link_exchanged_within_a_chain_is_detected(root: Path, tmp_path: Path) -> None:
    write_project(tmp_path, {f"mounted/..{each}/settings.json": str(each) for each in (1, 2)})
    mounted = tmp_path / "mounted"
    (mounted / "..data").symlink_to("..1")
    (mounted / "settings.json").symlink_to("..data/settings.json")
    (root / "settings.json").symlink_to(mounted / "settings.json")
    code = WatchedCode((root, mounted))
    before = asyncio.run(code.wait_until_quiet())
    assert not code.has_changed()

    (mounted / "..next").symlink_to("..2")
    (mounted / "..next").rename(mounted / "..data")

    assert code.has_changed()
    assert asyncio.run(code.wait_until_quiet()) != before


@pytest.mark.usefixtures("_watching")
def test_linked_code_folder_follows_its_link(tmp_path: Path) -> None:
    write_project(tmp_path, {f"v{each}/app.py": f"version = {each}\n" for each in (1, 2)})
    (tmp_path / "current").symlink_to("v1")
    code = WatchedCode((tmp_path / "current",))
    before = asyncio.run(code.wait_until_quiet())

    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").rename(tmp_path / "current")

    assert code.has_changed()
    assert asyncio.run(code.wait_until_quiet()) != before


def test_invalid_gitignore_patterns_are_reported_and_skipped(start_service: StartService) -> None:
    service = start_service(
        {"function/app.py": "def handler(event, context): return 1\n", "function/__init__.py": ""}
    )
    assert service.invoke().json() == 1

    write_project(service.project, {"function/.gitignore": "*.log\n!\n\\\n[z-a]\n"})
    (service.project / "function/own.log").touch()
    write_project(service.project, {"function/app.py": "def handler(*_): return 2\n"})

    assert service.invoke().json() == 2
    service.wait_for_line("function/.gitignore:4: invalid pattern '[z-a]'; it is skipped")
    assert "internal error" not in service.log
    assert "./own.log" not in shipped(service.project, "function")


def test_gitignore_that_is_a_named_pipe_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_project(tmp_path, {"app.py": ""})
    os.mkfifo(tmp_path / ".gitignore")

    assert shipped(tmp_path, ".") == {"./app.py"}
    assert f"{tmp_path}/.gitignore is not a regular file" in caplog.text


@pytest.fixture
def deep_project(tmp_path: Path) -> Iterator[Path]:
    """Return a project with 1,200 nested folders, which Python's rmtree cannot remove."""
    write_project(tmp_path, {"function/__init__.py": "", **returns(1)})
    folder = str(tmp_path / "function")
    for _ in range(1200):
        folder += "/d"
        Path(folder).mkdir()
    Path(folder, "deep.txt").write_text("1", encoding="utf-8")
    yield tmp_path
    subprocess.run(["rm", "-rf", tmp_path / "function"], check=True)


def test_deep_folders_are_code(start_service: StartService, deep_project: Path) -> None:
    service = start_service(deep_project)
    (deepest,) = (
        Path(path)
        for path, _, _ in CodeFiles(deep_project / "function", deep_project).walk(lambda _: None)
        if path.endswith("deep.txt")
    )

    write_project(deep_project, returns(2))

    assert service.invoke().json() == 2
    before = hash_of(deep_project / "function")
    deepest.write_text("2", encoding="utf-8")
    assert hash_of(deep_project / "function") != before
    wait_until(lambda: runs_the_code_on_disk(service))


def test_link_target_change_reloads_the_code(start_service: StartService, tmp_path: Path) -> None:
    write_project(tmp_path, {"shared/part.py": "ANSWER = 1\n"})
    (tmp_path / "function").mkdir()
    (tmp_path / "function/part.py").symlink_to("../shared/part.py")
    (tmp_path / "function/shared").symlink_to("../shared")
    source = (
        "from function import part\nfrom function.shared import part as beside\n"
        "def handler(event, context): return [part.ANSWER, beside.ANSWER]\n"
    )
    service = start_service(source)
    for number in (2, 3):
        write_project(tmp_path, {"shared/part.py": f"ANSWER = {number}\n"})
        assert service.invoke().json() == [number, number]


def returns(number: int) -> dict[str, str]:
    return {"function/app.py": f"def handler(event, context): return {number}\n"}


def test_admin_port_responds_while_a_large_file_is_first_read(
    root: Path,
) -> None:
    write_project(root.parent, returns(1))
    (root / "large.bin").touch()
    os.truncate(root / "large.bin", 2**29)

    with closing(LambdaService(root.parent)) as service:
        first = service.admin("/ready")
        service.wait_until_ready()

        assert (first.status, first.json()["code_sha256"]) == (503, "")
        assert service.admin("/ready").json()["code_sha256"]
        assert service.invoke().json() == 1


def recreate_folder(service: LambdaService) -> None:
    shutil.rmtree(service.project / "function")
    wait_until(lambda: not (service.project / "function").exists())
    write_project(service.project, {"function/__init__.py": ""})


def create_file_with_invalid_name(service: LambdaService) -> None:
    Path(os.fsdecode(os.fsencode(service.project / "function") + b"/\xff\xfe.txt")).touch()


def runs_the_code_on_disk(service: LambdaService) -> bool:
    code_sha256 = hash_of(service.project / "function")
    return code_sha256 in service.admin("/ready").body.decode()


@pytest.mark.parametrize("change", [recreate_folder, create_file_with_invalid_name])
def test_change_is_loaded_without_a_request(
    start_service: StartService, change: Callable[[LambdaService], None]
) -> None:
    service = start_service(returns(1))
    change(service)
    for number in (2, 3):
        write_project(service.project, returns(number))
        wait_until(lambda: runs_the_code_on_disk(service), "the new code")

    assert service.invoke().json() == 3


def test_failed_notifications_are_logged_once_and_polled(
    start_service: StartService,
) -> None:
    """No inotify watch is left, neither for the service nor for watchfiles."""
    service = start_service(
        returns(1) | {".env": "A=1\n"},
        constants={"code.watcher._MASK": 0, "code.watcher.awatch": None},
    )
    for number in (2, 3):
        write_project(service.project, returns(number))
        service.wait_for_line("lambda-live: reloaded", number - 1)

    assert service.invoke().json() == 3
    write_project(service.project, {".env": "A=2\n"})
    service.wait_for_line("lambda-live: reloaded", 3)  # without a request
    assert len([line for line in service.lines if "checking the files every second" in line]) == 1


def test_no_watched_folder_never_changes() -> None:
    async def changes() -> list[None]:
        return [change async for change in WatchedCode(()).changes()]

    assert not read_code().has_changed()
    assert asyncio.run(changes()) == []


def test_large_files_do_not_block_the_service(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return 1\n")
    large = service.project / "function/large.bin"
    with large.open("wb") as file:
        file.truncate(2**29)  # a sparse file
    app = service.project / "function/app.py"
    app.write_text("def handler(event, context): return 2\n", encoding="utf-8")

    responses = 0
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(service.invoke)
        while not under_way.done():
            responses += service.admin("/metrics").status == 200

    assert under_way.result().json() == 2
    assert responses > 3
    assert psutil.Process(service.pid).memory_info().rss < 2**29


def test_stop_does_not_wait_for_a_large_file(root: Path) -> None:
    write_project(root.parent, returns(1))
    (root / "large.bin").touch()
    os.truncate(root / "large.bin", 2**40)  # takes an hour to read

    with closing(LambdaService(root.parent)) as service:
        assert service.admin("/ready").status == 503
        service.process.send_signal(signal.SIGINT)

        assert service.wait() == 0
    assert service.stderr == ""


RECORDER = """
import os, threading

def record(path, *args, _stat=os.stat, **options):
    if threading.current_thread() is threading.main_thread():
        if os.fspath(path).endswith(("recorded.txt", "/.env")):
            with open("main_thread.log", "a") as file:
                file.write(f"{path}\\n")
    return _stat(path, *args, **options)

os.stat = record
"""


def test_event_loop_compares_no_file_where_notifications_are_unreliable(
    start_service: StartService, tmp_path: Path
) -> None:
    write_project(tmp_path, {"recorder/sitecustomize.py": RECORDER, "function/recorded.txt": ""})
    service = start_service(
        returns(1) | {"function/__init__.py": ""},
        constants={"code.watcher._LOCAL_FILE_SYSTEMS": []},
        PYTHONPATH=f"{tmp_path / 'recorder'}:{PACKAGE / 'src'}",
    )
    log = tmp_path / "main_thread.log"
    log.unlink(missing_ok=True)  # a start reads what it needs

    with ThreadPoolExecutor(4) as pool:
        assert {response.json() for response in pool.map(service.invoke, range(20))} == {1}
    assert not log.exists()

    for number in range(2, 6):
        write_project(tmp_path, returns(number))
        with ThreadPoolExecutor(4) as pool:
            assert {response.json() for response in pool.map(service.invoke, range(8))} == {number}
    write_project(tmp_path, {"function/app.py": "import missing"})
    for _ in range(2):
        assert service.invoke().json()["errorType"] == "Runtime.ImportModuleError"
    write_project(tmp_path, returns(6))
    assert service.invoke().json() == 6


def test_requests_succeed_while_code_keeps_changing(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return 1\n")
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


PROJECT = {
    ".gitignore": "data/\n*.log\n!kept.log\n",
    "code/.gitignore": "!own.log\n/build\n",
    "code/app.py": "",
    "code/kept.log": "",
    "code/own.log": "",
    "code/below/build/app.py": "",
    "code/tests/app.py": "",
    "events/package.py": "",
}
BESIDE = {
    "code/data/big.csv": "",
    "code/a.log": "",
    "code/build/data/big.csv": "",
    "code/node_modules/a.js": "",
    "code/environment/pyvenv.cfg": "",
    "code/environment/lib/a.py": "",
    "tests/test_app.py": "",
}


def shipped(project: Path, folder: str) -> set[str]:
    found = CodeFiles(project / folder, project).walk(lambda _: None)
    return {
        f"./{Path(path).relative_to(project / folder)}" for path, is_file, _ in found if is_file
    }


def test_files_beside_the_code_are_excluded(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT | {"events/event.json": ""})
    (tmp_path / ".git").mkdir()
    code = WatchedCode((tmp_path,), tmp_path)
    code.snapshot()
    before, files = code.sha256(), shipped(tmp_path, "code")

    write_project(tmp_path, BESIDE)
    code.snapshot()

    assert code.sha256() == before
    assert shipped(tmp_path, "code") == files
    assert files == {
        *("./app.py", "./below/build/app.py", "./kept.log", "./own.log", "./tests/app.py"),
    }


def test_what_ships_is_code_even_if_it_is_hidden_or_git_ignores_it(tmp_path: Path) -> None:
    ignored = {"_version.py", "generated/client.py", "generated/api/types.py", "key.json"}
    hidden = {".settings.json", ".local/share/a.json", ".config/levels.yaml", ".known/deep/a.txt"}
    outputs = {
        *("a.log", "coverage.xml", "data/big.csv", ".env.local", ".venv/a.py", ".app.py.swp"),
        *("test.sqlite-wal", ".coverage", ".ruff_cache/a", ".git/config", ".DS_Store"),
    }
    write_project(tmp_path, dict.fromkeys(ignored | hidden | outputs, ""))
    patterns = "_version.py\ngenerated/\n*.json\n*.log\ncoverage.xml\ndata/\n*.sqlite*\n"
    write_project(tmp_path, {".gitignore": patterns})

    assert shipped(tmp_path, ".") == {f"./{name}" for name in ignored | hidden}


@pytest.mark.parametrize("name", [".settings.json", ".config/a.json", "own.json", "made/a.json"])
def test_save_of_hidden_or_ignored_file_reloads(start_service: StartService, name: str) -> None:
    files = {
        "function/.gitignore": "own.json\nmade/\n",
        "function/made/client.py": "",
        f"function/{name}": "1",
        "function/app.py": (
            "from pathlib import Path\n"
            f"text = Path('function/{name}').read_text()\n"
            "def handler(event, context): return text\n"
        ),
    }
    service = start_service(files)
    before = service.invoke().json()

    write_project(service.project, {f"function/{name}": "2"})

    assert (before, service.invoke().json()) == ("1", "2")


def test_events_folder_is_code_if_it_has_python_files(tmp_path: Path) -> None:
    write_project(tmp_path, {"app.py": "", "events/event.json": "", "tests/a.py": ""})
    before = shipped(tmp_path, ".")
    write_project(tmp_path, {"events/package.py": ""})

    assert before == {"./app.py"}
    assert shipped(tmp_path, ".") == {"./app.py", "./events/event.json", "./events/package.py"}


@pytest.mark.usefixtures("_watching")
def test_change_of_an_excluded_file_is_ignored(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT | BESIDE)
    code = WatchedCode((tmp_path / "code",), tmp_path)
    code.snapshot()

    write_project(tmp_path, {name: "changed" for name in BESIDE if name.count("/") > 1})

    assert not code.has_changed()
    write_project(tmp_path, {"code/.gitignore": "own.log\n"})
    assert code.has_changed()


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): log()",
        "log()\ndef handler(event, context): ...",
    ],
    ids=["handler", "import"],
)
def test_file_written_by_the_function_is_ignored_and_logged(
    start_service: StartService, source: str
) -> None:
    log = "import time\ndef log(): open('function/own.log', 'a').write(f'{time.time()}\\n')\n"
    service = start_service(log + source + "\n")

    def warnings() -> list[str]:
        service.invoke()
        return [line for line in service.lines if "function/own.log" in line]

    line = wait_until(warnings)[0]
    assert line.startswith("lambda-live: function/own.log is written by the function itself ")
    service.invoke()  # a request of the code without that file
    reloads = service.metric("lambda_reloads_total")
    for _ in range(3):
        assert service.invoke().status == 200
    assert service.metric("lambda_reloads_total") == reloads
    app = service.project / "function/app.py"
    app.write_text("def handler(event, context): return 2\n", encoding="utf-8")
    assert service.invoke().json() == 2
    assert len(warnings()) == 1
