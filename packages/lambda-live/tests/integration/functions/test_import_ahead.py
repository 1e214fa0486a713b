"""What a function imports from elsewhere is imported before it asks, and nothing is different."""

import py_compile
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from lambda_live.environments.runtime_process.preload import MAX_CLOCK_SKEW_SECONDS
from support.local_lambda import LocalLambda, at_rest
from support.packages import require
from support.project import write_project
from support.starting import StartLambda
from support.waiting import wait_until

LIBRARY = """
import os, sys, traceback
AHEAD = not any(frame.filename.endswith("app.py") for frame in traceback.extract_stack())
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

    def __init__(self, start: StartLambda, folder: Path, *args: str, **more: Any) -> None:
        project, cache = folder / "project", folder / "cache"
        write_project(project, {"function/__init__.py": "", "function/app.py": HANDLER})
        self.folder = require(project, cache)
        self.folder.mkdir(parents=True)
        passed = (f"--memory={MEMORY}", "--env=SETTING=set", *args)
        self.service: LocalLambda = start(project, *passed, XDG_CACHE_HOME=str(cache), **more)

    def library(self, name: str, source: str) -> None:
        """Write one, and wait until it is older than a file that may have changed just now."""
        write_project(self.folder, {f"{name}.py": LIBRARY + source})
        written = (self.folder / f"{name}.py").stat().st_ctime
        wait_until(lambda: time.time() > written + 2 * MAX_CLOCK_SKEW_SECONDS)

    def imported_ahead(self, name: str, source: str) -> None:
        """Write a library, have the function import it, and wait until the standby has, too."""
        marker = self.folder / f"{name}.ahead"
        self.library(name, f"{source}\nif AHEAD:\n    open({str(marker)!r}, 'w').close()\n")
        self.saved(f"import {name}", "None")
        wait_until(marker.exists)

    def saved(self, imports: str, reply: str) -> Any:
        """Save code that imports that and returns this; return what it returns then."""
        # another text each time, or it would be no reload
        self.saves = getattr(self, "saves", 0) + 1
        code = f"{imports}\ndef handler(event, context):\n    return {reply} # {self.saves}\n"
        write_project(self.service.project, {"function/app.py": code})
        answer = self.service.invoke()
        assert "x-amz-function-error" not in answer.headers, answer
        return answer.json()

    def leave(self) -> None:
        """Have an environment end itself: who is killed has not told what it covered."""
        self.library("last", "print('last words')")
        self.saved("import last", "None")
        code = "import last, os\ndef handler(event, context): os._exit(0)\n"
        write_project(self.service.project, {"function/app.py": code})
        assert "x-amz-function-error" in self.service.invoke().headers


@pytest.fixture(scope="module")
def site(start_module_lambda: StartLambda, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(start_module_lambda, tmp_path_factory.mktemp("libraries"))


@pytest.fixture(scope="module")
def measured(
    start_module_lambda: StartLambda, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Another, where what starts anew, or ends itself, tells what it covered."""
    site = Site(start_module_lambda, tmp_path_factory.mktemp("libraries"), measured=True)
    yield site
    site.leave()


def test_packages_in_a_hidden_folder_of_the_project_have_their_bytecode(
    start_lambda: StartLambda, tmp_path: Path
) -> None:
    """As where the cache is in the project: to compile each anew takes longer than to import it."""
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

    service = start_lambda(tmp_path, XDG_CACHE_HOME=str(tmp_path / ".cache"))

    assert service.invoke().json() == "bytecode"


def test_a_library_is_imported_before_the_code_that_imports_it_is_loaded(site: Site) -> None:
    site.library(
        "plain", "SETTING = os.environ['SETTING']\nNAME = sys.modules[__name__].__spec__.name"
    )
    reply = "[plain.AHEAD, plain.SETTING, plain.NAME, plain.__spec__.loader is plain.__loader__]"

    assert site.saved("import plain", reply) == [False, "set", "plain", True]
    assert site.saved("import plain", reply) == [True, "set", "plain", True]
    assert site.saved("from plain import AHEAD", "AHEAD") is True


def test_what_comes_along_with_a_part_that_is_asked_for_late_is_imported_ahead_each_time(
    site: Site,
) -> None:
    """As pydantic imports its parts when they are asked for, and FastAPI the same ones."""
    site.library("part", "OF = 'lazy'")
    site.library("lazy", "def __getattr__(name):\n    import part\n    return getattr(part, name)")
    site.library("large", "import part")
    imports = "from lazy import OF\nimport large"

    assert site.saved(imports, "large.AHEAD") is False
    assert [site.saved(imports, "large.AHEAD") for _ in range(3)] == [True] * 3


def test_what_is_not_imported_any_more_is_not_there(site: Site) -> None:
    site.library("leaving", "")
    site.saved("import leaving", "leaving.AHEAD")

    assert site.saved("import sys", "'leaving' in sys.modules") is False


def test_the_time_of_an_import_is_that_of_the_init_whenever_it_was(site: Site) -> None:
    site.library("slow", "import time\ntime.sleep(0.3)")

    def init_seconds() -> float:
        return site.service.metric("lambda_init_duration_seconds_sum")

    site.saved("import slow", "slow.AHEAD")
    before = init_seconds()
    assert site.saved("import slow", "slow.AHEAD") is True
    assert init_seconds() - before >= 0.3


def test_what_an_import_writes_is_told_once_for_each_init_that_imports(site: Site) -> None:
    site.library("loud", "import logging\nprint('loud print')\nlogging.warning('loud warning')")

    for _ in range(3):
        site.saved("import loud", "loud.AHEAD")
    for _ in range(2):
        site.saved("", "print('quiet')")
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
        ("site", "print('spoken ahead'); sys.exit(0)"),
    ],
    ids=["fails", "hangs", "exits", "dies", "takes more memory than there is", "speaks and exits"],
)
def test_a_library_that_can_t_be_imported_ahead_costs_nothing_but_the_gain(
    where: str, misbehaviour: str, request: pytest.FixtureRequest
) -> None:
    site: Site = request.getfixturevalue(where)
    name = f"bad{abs(hash(request.node.callspec.id))}"
    site.library(name, f"if AHEAD:\n    {misbehaviour}\n")

    answers = [site.saved(f"import {name}", f"{name}.AHEAD") for _ in range(3)]

    assert answers == [False, False, False]
    assert "spoken ahead" not in site.service.log


def test_a_function_that_goes_takes_along_the_process_that_imports_ahead(
    start_lambda: StartLambda, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    hangs = f"if AHEAD:\n    open({str(began)!r}, 'w')\n    import time; time.sleep(600)\n"
    files = {"layer/python/hanging.py": LIBRARY + hangs, "template.yaml": template("stays", "goes")}
    write_project(tmp_path, files | {"stays/app.py": HANDLER, "goes/app.py": HANDLER})
    service = start_lambda(tmp_path, handler=None)
    wait_until(lambda: len(service.processes()) == at_rest(functions=2))
    write_project(tmp_path, {"goes/app.py": f"import hanging\n{HANDLER}"})
    wait_until(began.exists)

    write_project(tmp_path, {"template.yaml": template("stays")})
    service.boto3.invoke(FunctionName="stays")
    wait_until(lambda: len(service.processes()) == at_rest())

    assert service.end() == 0
    assert "Traceback" not in service.log


def test_a_module_of_the_function_s_own_wins_over_one_imported_ahead(measured: Site) -> None:
    measured.imported_ahead("shadowed", "WHOSE = 'theirs'")

    write_project(measured.service.project, {"shadowed.py": "WHOSE = 'mine'"})

    assert measured.saved("import shadowed", "shadowed.WHOSE") == "mine"


def test_the_function_s_own_modules_are_new_also_where_a_library_imports_them(
    measured: Site,
) -> None:
    measured.library("framework", "from function import settings\nVALUE = settings.VALUE")

    for value in (1, 2, 3):
        write_project(measured.service.project, {"function/settings.py": f"VALUE = {value}\n"})
        assert measured.saved("import framework", "framework.VALUE") == value


@pytest.mark.parametrize(
    ("before", "read"),
    [
        ("import os; os.environ['LEVEL'] = {value!r}", "os.environ.get('LEVEL')"),
        ("import sys; sys.path.insert(0, {value!r})", "sys.path[0]"),
        ("import time; time.sleep = len, {value!r}", "str(__import__('time').sleep[1])"),
    ],
    ids=["variable", "path", "patch"],
)
def test_a_library_sees_what_the_function_prepared_for_it(
    measured: Site, before: str, read: str, request: pytest.FixtureRequest
) -> None:
    name = f"reads{abs(hash(request.node.callspec.id))}"
    measured.library(name, f"try:\n    READ = {read}\nexcept TypeError:\n    READ = None\n")
    measured.saved(f"import {name}", f"{name}.READ")

    for value in ("one", "two", "two"):
        prepared = before.format(value=value)
        assert measured.saved(f"{prepared}\nimport {name}", f"{name}.READ") == value


def test_a_library_that_changed_is_imported_anew(measured: Site) -> None:
    measured.imported_ahead("changing", "VALUE = 1")

    measured.library("changing", "VALUE = 'two'")

    assert measured.saved("import changing", "changing.VALUE") == "two"


def test_a_thread_that_an_import_starts_runs_in_the_function(site: Site) -> None:
    site.library(
        "threaded",
        "import queue, threading\nASKED, ANSWERS = queue.Queue(), queue.Queue()\n"
        "def work():\n    while True: ANSWERS.put(ASKED.get() + 1)\n"
        "threading.Thread(target=work, daemon=True).start()",
    )
    ask = "[threaded.AHEAD, threaded.ASKED.put(1), threaded.ANSWERS.get(timeout=20)]"

    assert site.saved("import threaded", ask) == [False, None, 2]
    assert site.saved("import threaded", ask) == [True, None, 2]


def test_the_memory_of_the_standby_is_known(site: Site) -> None:
    site.saved("", "None")

    wait_until(lambda: site.service.metric("lambda_standby_memory_bytes") > 2**20)


def test_nothing_is_imported_ahead_if_that_is_not_wanted(
    start_lambda: StartLambda, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = Site(start_lambda, tmp_path_factory.mktemp("libraries"), "--no-preload")
    site.library("plain", "")

    assert [site.saved("import plain", "plain.AHEAD") for _ in range(2)] == [False, False]
