"""Third-party imports are preloaded, and the function does not notice."""

import py_compile
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from lambda_live.environments.runtime_process.preload import MAX_CLOCK_SKEW_SECONDS
from support.lambda_service import LambdaService, idle_process_count
from support.packages import require
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

LIBRARY = """
import os, sys, traceback
PRELOADED = not any(frame.filename.endswith("app.py") for frame in traceback.extract_stack())
"""
MEMORY = 128
HANDLER = "def handler(event, context): ...\n"


def template(*names: str) -> str:
    layer = "{Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: layer}}"
    function = (
        "\n  {0}: {{Type: 'AWS::Serverless::Function', Properties: {{FunctionName: {0},"
        " CodeUri: {0}, Handler: app.handler, Runtime: python3.12, Layers: [!Ref Layer]}}}}"
    )
    return f"Resources:\n  Layer: {layer}" + "".join(map(function.format, names))


class Site:
    """A service, and the folder of the libraries that its function requires."""

    def __init__(self, start: StartService, folder: Path, *args: str, **more: Any) -> None:
        project, cache = folder / "project", folder / "cache"
        write_project(project, {"function/__init__.py": "", "function/app.py": HANDLER})
        self.folder = require(project, cache)
        self.folder.mkdir(parents=True)
        passed = (f"--memory={MEMORY}", "--env=SETTING=set", *args)
        self.service: LambdaService = start(project, *passed, XDG_CACHE_HOME=str(cache), **more)

    def write(self, name: str, source: str) -> None:
        """Write a library, and wait until its time is older than that of a file saved now."""
        write_project(self.folder, {f"{name}.py": LIBRARY + source})
        written = (self.folder / f"{name}.py").stat().st_ctime
        wait_until(lambda: time.time() > written + 2 * MAX_CLOCK_SKEW_SECONDS)

    def preload_library(self, name: str, source: str) -> None:
        """Write a library, let the function import it, and wait until the standby preloaded it."""
        marker = self.folder / f"{name}.preloaded"
        self.write(name, f"{source}\nif PRELOADED:\n    open({str(marker)!r}, 'w').close()\n")
        self.invoke(f"import {name}", "None")
        wait_until(marker.exists)

    def invoke(self, imports: str, reply: str) -> Any:
        """Save code with these imports and this return value; return the response."""
        # a new text each time, because the same text does not reload
        self.saves = getattr(self, "saves", 0) + 1
        code = f"{imports}\ndef handler(event, context):\n    return {reply} # {self.saves}\n"
        write_project(self.service.project, {"function/app.py": code})
        response = self.service.invoke()
        assert "x-amz-function-error" not in response.headers, response
        return response.json()

    def leave(self) -> None:
        """Let an environment exit by itself: a killed one does not write its coverage."""
        self.write("last", "print('last words')")
        self.invoke("import last", "None")
        code = "import last, os\ndef handler(event, context): os._exit(0)\n"
        write_project(self.service.project, {"function/app.py": code})
        assert "x-amz-function-error" in self.service.invoke().headers


@pytest.fixture(scope="module")
def site(start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(start_module_service, tmp_path_factory.mktemp("libraries"))


@pytest.fixture(scope="module")
def measured(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Another service, whose environments write their coverage."""
    site = Site(start_module_service, tmp_path_factory.mktemp("libraries"), measured=True)
    yield site
    site.leave()


def test_packages_in_hidden_folder_have_bytecode(
    start_service: StartService, tmp_path: Path
) -> None:
    """The cache may be in the project; compiling each module takes longer than importing it."""
    source = "import library\ndef handler(event, context): return library.FROM\n"
    write_project(tmp_path, {"function/__init__.py": "", "function/app.py": source})
    folder = require(tmp_path, tmp_path / ".cache")
    write_project(folder, {"library.py": "FROM = 'source'\n"})
    write_project(tmp_path, {"compiled.py": "FROM = 'bytecode'\n"})
    py_compile.compile(
        str(tmp_path / "compiled.py"),
        cache_from_source(str(folder / "library.py")),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )

    service = start_service(tmp_path, XDG_CACHE_HOME=str(tmp_path / ".cache"))

    assert service.invoke().json() == "bytecode"


def test_package_that_is_installed_beside_the_code_is_preloaded(
    start_service: StartService, tmp_path: Path
) -> None:
    """As in an asset of CDK, or after `pip install --target .`."""
    library = LIBRARY.replace("app.py", "lambda_function.py")
    files = {
        "vendored/__init__.py": library,
        "vendored-1.dist-info/RECORD": "vendored/__init__.py,,\n",
        "alone.py": library,
        "alone-1.dist-info/RECORD": "alone.py,,\n",
        "own.py": library,
    }
    code = (
        "import alone, own, vendored\ndef lambda_handler(event, context):\n"
        "    return [vendored.PRELOADED, alone.PRELOADED, own.PRELOADED]\n"
    )
    write_project(tmp_path, files | {"lambda_function.py": code})
    service = start_service(tmp_path, handler=None)
    before = service.invoke().json()

    def saved() -> Any:
        with (tmp_path / "lambda_function.py").open("a") as file:
            file.write("#\n")
        return service.invoke().json()

    assert before == [False, False, False]
    wait_until(lambda: saved() == [True, True, False])


def test_library_is_preloaded_before_the_code(site: Site) -> None:
    site.write(
        "plain", "SETTING = os.environ['SETTING']\nNAME = sys.modules[__name__].__spec__.name"
    )
    reply = (
        "[plain.PRELOADED, plain.SETTING, plain.NAME, plain.__spec__.loader is plain.__loader__]"
    )

    assert site.invoke("import plain", reply) == [False, "set", "plain", True]
    wait_until(lambda: site.invoke("import plain", reply) == [True, "set", "plain", True])
    assert site.invoke("from plain import PRELOADED", "PRELOADED") is True


def test_library_is_preloaded_if_the_function_creates_its_temporary_folder(
    start_service: StartService, tmp_path: Path
) -> None:
    site = Site(start_service, tmp_path, "--env=TMPDIR=/tmp/missing")

    site.preload_library("creates", "")

    assert site.invoke("import creates", "creates.PRELOADED") is True


def test_lazy_submodule_is_preloaded_in_each_process(
    site: Site,
) -> None:
    """Pydantic imports its submodules on first use, and FastAPI uses the same ones."""
    site.write("part", "OF = 'lazy'")
    site.write("lazy", "def __getattr__(name):\n    import part\n    return getattr(part, name)")
    site.write("large", "import part")
    imports = "from lazy import OF\nimport large"

    assert site.invoke(imports, "large.PRELOADED") is False
    assert [site.invoke(imports, "large.PRELOADED") for _ in range(3)] == [True] * 3


def test_library_no_longer_imported_is_not_in_sys_modules(site: Site) -> None:
    site.write("leaving", "")
    site.invoke("import leaving", "leaving.PRELOADED")

    assert site.invoke("import sys", "'leaving' in sys.modules") is False


def test_preload_time_counts_as_init_duration(site: Site) -> None:
    site.write("slow", "import time\ntime.sleep(0.3)")

    def init_seconds() -> float:
        return site.service.metric("lambda_init_duration_seconds_sum")

    site.invoke("import slow", "slow.PRELOADED")
    before = init_seconds()
    assert site.invoke("import slow", "slow.PRELOADED") is True
    assert init_seconds() - before >= 0.3


def test_import_output_is_logged_once_per_init(site: Site) -> None:
    site.write("loud", "import logging\nprint('loud print')\nlogging.warning('loud warning')")

    for _ in range(3):
        site.invoke("import loud", "loud.PRELOADED")
    for _ in range(2):
        site.invoke("", "print('quiet')")
    site.service.wait_for_line("quiet", 2)
    for text in ("loud print", "loud warning"):
        assert len([line for line in site.service.lines if text in line]) == 3


@pytest.mark.parametrize(
    ("where", "misbehaviour"),
    [
        ("measured", "raise ImportError('not yet')"),
        ("site", "import time; time.sleep(600)"),
        ("site", "os._exit(3)"),
        ("site", "os.kill(os.getpid(), 9)"),
        ("site", f"HEAP = b'x' * {2 * MEMORY * 2**20}; import time; time.sleep(600)"),
        ("site", "print('spoken'); sys.exit(0)"),
    ],
    ids=["fails", "hangs", "exits", "dies", "takes more memory than there is", "speaks and exits"],
)
def test_library_that_fails_to_preload_still_imports(
    where: str, misbehaviour: str, request: pytest.FixtureRequest
) -> None:
    site: Site = request.getfixturevalue(where)
    name = f"bad{abs(hash(request.node.callspec.id))}"
    site.write(name, f"if PRELOADED:\n    {misbehaviour}\n")

    responses = [site.invoke(f"import {name}", f"{name}.PRELOADED") for _ in range(3)]

    assert responses == [False, False, False]
    assert "spoken" not in site.service.log


def test_removed_function_stops_its_standby(start_service: StartService, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hangs = f"if PRELOADED:\n    open({str(marker)!r}, 'w')\n    import time; time.sleep(600)\n"
    files = {"layer/python/hanging.py": LIBRARY + hangs, "template.yaml": template("stays", "goes")}
    write_project(tmp_path, files | {"stays/app.py": HANDLER, "goes/app.py": HANDLER})
    service = start_service(tmp_path, handler=None)
    wait_until(lambda: len(service.processes()) == idle_process_count(functions=2))
    write_project(tmp_path, {"goes/app.py": f"import hanging\n{HANDLER}"})
    wait_until(marker.exists)

    write_project(tmp_path, {"template.yaml": template("stays")})
    service.boto3.invoke(FunctionName="stays")
    wait_until(lambda: len(service.processes()) == idle_process_count())

    assert service.end() == 0
    assert "Traceback" not in service.log


def test_own_module_wins_over_preloaded_one(measured: Site) -> None:
    measured.preload_library("shadowed", "WHOSE = 'theirs'")

    write_project(measured.service.project, {"shadowed.py": "WHOSE = 'mine'"})

    assert measured.invoke("import shadowed", "shadowed.WHOSE") == "mine"


def test_own_module_imported_by_library_is_reloaded(
    measured: Site,
) -> None:
    measured.write("framework", "from function import settings\nVALUE = settings.VALUE")

    for value in (1, 2, 3):
        write_project(measured.service.project, {"function/settings.py": f"VALUE = {value}\n"})
        assert measured.invoke("import framework", "framework.VALUE") == value


@pytest.mark.parametrize(
    ("before", "read"),
    [
        ("import os; os.environ['LEVEL'] = {value!r}", "os.environ.get('LEVEL')"),
        ("import sys; sys.path.insert(0, {value!r})", "sys.path[0]"),
        ("import time; time.sleep = len, {value!r}", "str(__import__('time').sleep[1])"),
    ],
    ids=["variable", "path", "patch"],
)
def test_library_sees_what_the_function_prepared(
    measured: Site, before: str, read: str, request: pytest.FixtureRequest
) -> None:
    name = f"reads{abs(hash(request.node.callspec.id))}"
    measured.write(name, f"try:\n    READ = {read}\nexcept TypeError:\n    READ = None\n")
    measured.invoke(f"import {name}", f"{name}.READ")

    for value in ("one", "two", "two"):
        prepared = before.format(value=value)
        assert measured.invoke(f"{prepared}\nimport {name}", f"{name}.READ") == value


def test_changed_library_is_imported_again(measured: Site) -> None:
    measured.preload_library("changing", "VALUE = 1")

    measured.write("changing", "VALUE = 'two'")

    assert measured.invoke("import changing", "changing.VALUE") == "two"


def test_thread_started_by_import_runs_in_function(site: Site) -> None:
    site.write(
        "threaded",
        "import queue, threading\nASKED, ANSWERS = queue.Queue(), queue.Queue()\n"
        "def work():\n    while True: ANSWERS.put(ASKED.get() + 1)\n"
        "threading.Thread(target=work, daemon=True).start()",
    )
    ask = "[threaded.PRELOADED, threaded.ASKED.put(1), threaded.ANSWERS.get(timeout=20)]"

    assert site.invoke("import threaded", ask) == [False, None, 2]
    assert site.invoke("import threaded", ask) == [True, None, 2]


def test_standby_memory_is_reported(site: Site) -> None:
    site.invoke("", "None")

    wait_until(lambda: site.service.metric("lambda_standby_memory_bytes") > 2**20)


def test_nothing_is_preloaded_when_disabled(
    start_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = Site(start_service, tmp_path_factory.mktemp("libraries"), "--no-preload")
    site.write("plain", "")

    assert [site.invoke("import plain", "plain.PRELOADED") for _ in range(2)] == [
        False,
        False,
    ]
