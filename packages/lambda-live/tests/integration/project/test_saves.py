"""Saved templates, requirements and links apply to the running functions."""

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from lambda_live.dependencies.package_cache import prune
from lambda_live.dependencies.pip_input import has_open_versions
from lambda_live.dependencies.requirements import find_requirements
from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.service_starter import StartService
from support.waiting import DEADLINE, wait_until
from support.wheel import write_wheel

FUNCTION = """
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: {handler}
      MemorySize: {memory}
      Environment: {{Variables: {{GREETING: {greeting}}}}}
"""
APP = """
import os

def handler(event, context):
    return [os.environ["GREETING"], context.memory_limit_in_mb, context.function_name]

def other(event, context):
    return "other"
"""


def template(*functions: dict[str, Any]) -> str:
    default = {"name": "First", "handler": "app.handler", "memory": 128, "greeting": "hello"}
    return "Resources:" + "".join(FUNCTION.format_map(default | each) for each in functions)


def project(*functions: dict[str, Any], app: str = APP) -> dict[str, str]:
    return {"template.yaml": template(*functions), "code/app.py": app}


def returns(service: LambdaService, expected: object) -> bool:
    return bool(service.result("First") == expected)


def save(service: LambdaService, text: str, file: str = "template.yaml") -> None:
    (service.project / file).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def shared(start_module_service: StartService) -> LambdaService:
    return start_module_service(project({}), handler=None)


@pytest.fixture
def service(shared: LambdaService) -> LambdaService:
    """The module's service, with a template of one function."""
    save(shared, template({}))
    assert shared.result("First") == ["hello", "128", "First"]
    return shared


def test_saved_template_applies_to_the_next_request(service: LambdaService) -> None:
    save(service, template({"greeting": "moin", "memory": 256}))
    changed = service.result("First")
    save(service, template({"handler": "app.other"}))

    assert changed == ["moin", "256", "First"]
    assert service.result("First") == "other"
    assert service.metric("lambda_memory_size_bytes") == 128 * 2**20


def test_saved_link_target_applies_to_the_next_request(
    start_service: StartService,
) -> None:
    """Kubernetes mounts a ConfigMap or a Secret by links, and replaces one of a folder."""
    service = start_service(project({}), handler=None)
    folder = service.project / "mounted"
    for name, greeting in (("one", "moin"), ("two", "servus")):
        (folder / name).mkdir(parents=True)
        save(service, template({"greeting": greeting}), f"mounted/{name}/template.yaml")
    (folder / "current").symlink_to("one")

    (service.project / "template.yaml").unlink()
    (service.project / "template.yaml").symlink_to("mounted/current/template.yaml")
    linked = service.result("First")
    (folder / "next").symlink_to("two")
    (folder / "next").rename(folder / "current")
    exchanged = service.result("First")

    assert (linked[0], exchanged[0]) == ("moin", "servus")


def test_exchanged_link_to_the_code_applies_to_the_next_request(
    start_service: StartService, tmp_path: Path
) -> None:
    for each in ("v1", "v2"):
        write_project(tmp_path, {f"{each}/app.py": f"def handler(*_): return {each!r}\n"})
    (tmp_path / "code").symlink_to("v1")
    service = start_service({"template.yaml": template({})}, handler=None)
    before = service.result("First")

    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").rename(tmp_path / "code")

    assert (before, service.result("First")) == ("v1", "v2")


def test_saved_template_adds_and_removes_functions(service: LambdaService) -> None:
    lone = service.metric("lambda_invocations_total")

    save(service, template({}, {"name": "Second", "greeting": "moin"}))

    assert service.result("Second") == ["moin", "128", "Second"]
    assert service.result("First")[0] == "hello"
    assert service.metric("lambda_invocations_total", function_name="First") == lone + 1

    save(service, template({"name": "Second"}))

    gone = service.request("POST", "/2015-03-31/functions/First/invocations", b"{}")
    assert gone.status == 404
    assert service.result("Second")[0] == "hello"
    service.wait_for_line("function First removed")


def test_function_renamed_in_case_only_is_found_by_host(service: LambdaService) -> None:
    save(service, template({}, {"name": "Other"}))
    service.result("Other")

    save(service, template({"name": "FIRST"}, {"name": "Other"}))

    assert service.result("FIRST")[2] == "FIRST"
    service.wait_for_line("function First removed")
    event = service.request("POST", "/", b"{}", headers={"Host": "first.localhost"})
    assert event.json()[2] == "FIRST"


def test_running_invocation_finishes_after_its_function_is_removed(
    start_service: StartService, tmp_path: Path
) -> None:
    slow = """
import pathlib, time
def handler(event, context):
    pathlib.Path("../began").touch()
    while not pathlib.Path("../go").exists():
        time.sleep(0.01)
    return "ended"
"""
    service = start_service(
        project({}, {"name": "Second"}, app=slow), handler=None, LAMBDA_LIVE_SHUTDOWN_TIMEOUT="30"
    )
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(service.result, "First")
        wait_until((tmp_path / "began").exists)
        save(service, template({"name": "Second"}))
        service.wait_for_line("function First removed")
        (tmp_path / "go").touch()

        assert under_way.result() == "ended"


def test_saved_code_uri_is_watched(
    service: LambdaService,
) -> None:
    def moved(reply: str) -> str:
        save(service, f"def handler(event, context): return {reply!r}\n", "elsewhere/app.py")
        return str(service.result("First"))

    (service.project / "elsewhere").mkdir()
    save(service, template({}).replace("code/", "elsewhere/"))

    assert [moved("there"), moved("still there")] == ["there", "still there"]


def test_invalid_template_is_logged_and_keeps_the_last_one(
    service: LambdaService,
) -> None:
    save(service, template({"memory": "much"}))

    assert service.result("First") == ["hello", "128", "First"]
    line = service.wait_for_line("template.yaml:8: invalid MemorySize 'much'")
    assert "Keeping the last valid template." in line

    save(service, template({"memory": 256}))

    assert service.result("First")[1] == "256"
    service.wait_for_line("template.yaml reloaded")
    save(service, template({"memory": 512}))
    assert service.result("First") == ["hello", "512", "First"]


def test_wrong_handler_is_reported_at_its_line_in_the_template(service: LambdaService) -> None:
    save(service, template({"handler": "app.handlr"}))

    assert "missing on module" in service.result("First")["errorMessage"]
    wrong = "template.yaml:7: no function handlr in module app; did you mean app.handler?"
    service.wait_for_line(f"init failed: {wrong}")

    save(service, template({"handler": "ap.handler"}))

    wrong = (
        "template.yaml:7: the handler 'ap.handler' has no module in code; did you mean app.handler?"
    )
    service.wait_for_line(f"{wrong} Keeping the last valid template.")


def test_added_function_that_is_not_supported_is_logged(service: LambdaService) -> None:
    other = (
        template({"name": "Other"}).removeprefix("Resources:").replace("python3.12", "nodejs22.x")
    )

    save(service, template({}) + other)

    assert service.result("First")[0] == "hello"
    service.wait_for_line("Other is not served: ")


def test_invalid_lock_file_is_logged_and_keeps_the_function(
    service: LambdaService,
) -> None:
    save(service, "no TOML", "code/uv.lock")
    save(service, "[project]\nname = 'one'\ndependencies = ['idna']\n", "code/pyproject.toml")

    assert service.result("First")[0] == "hello"
    service.wait_for_line("First: still using the previously installed packages")
    for name in ("pyproject.toml", "uv.lock"):
        (service.project / "code" / name).unlink()


FIRST = "./idna-1-py3-none-any.whl\n"
VERSION = """
import {name}
def handler(event, context):
    return {name}.version
"""


@pytest.fixture(scope="module")
def shared_idna(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    root = tmp_path_factory.mktemp("idna")
    (root / "code").mkdir()
    write_wheel(root / "code", "idna", "1")
    write_wheel(root / "code", "idna", "2")
    files = project({}, app=VERSION.format(name="idna"))
    write_project(root, files | {"code/requirements.txt": FIRST})
    service = start_module_service(root, handler=None, XDG_CACHE_HOME=str(root / "cache"))
    service.expected_stderr = service.stderr
    return service


@pytest.fixture
def idna(shared_idna: LambdaService) -> LambdaService:
    """A service whose function requires version 1 of a package; version 2 is available."""
    save(shared_idna, FIRST, "code/requirements.txt")
    save(shared_idna, VERSION.format(name="idna"), "code/app.py")
    wait_until(lambda: shared_idna.result("First") == "1")
    return shared_idna


def test_saved_requirements_are_installed_then_loaded(idna: LambdaService) -> None:
    save(idna, "./idna-2-py3-none-any.whl\n", "code/requirements.txt")

    wait_until(lambda: idna.result("First") == "2")
    idna.wait_for_line("installing")
    idna.wait_for_line("installed")
    assert not any("failed" in line for line in idna.lines)


def test_first_requirements_are_installed_without_a_template(
    tmp_path: Path, start_service: StartService
) -> None:
    source = "import importlib.util\ndef lambda_handler(event, context):\n"
    source += "    return importlib.util.find_spec('ours') is not None\n"
    service = start_service(
        {"lambda_function.py": source}, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    service.expected_stderr = service.stderr
    assert service.result("function") is False

    save(service, f"./{write_wheel(service.project, 'ours')}\n", "requirements.txt")

    wait_until(lambda: service.result("function") is True)


LOCK = """
version = 1
[[package]]
name = "shop"
source = {{ virtual = "." }}
dependencies = [{{ name = "ours" }}]
[[package]]
name = "ours"
version = "{version}"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ hash = "sha256:{hash}" }}]
"""


def test_saved_lock_file_comes_before_pyproject(
    tmp_path: Path, start_service: StartService
) -> None:
    (tmp_path / "wheels").mkdir()
    wheels = [tmp_path / "wheels" / write_wheel(tmp_path / "wheels", "ours", each) for each in "12"]
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    files = project({}, app=VERSION.format(name="ours"))
    files["pyproject.toml"] = '[project]\nname = "shop"\ndependencies = ["ours"]\n'
    service = start_service(
        files,
        handler=None,
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path / "wheels"),
    )
    service.expected_stderr = service.stderr
    assert service.result("First") == "2"

    save(service, LOCK.format(version=1, hash=digests[0]), "uv.lock")
    wait_until(lambda: service.result("First") == "1")
    save(service, LOCK.format(version=2, hash=digests[0]), "uv.lock")

    service.wait_for_line("First: still using the previously installed packages")
    assert service.result("First") == "1"


BUILT = """\
      Layers: [!Ref Shared]
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: shared/}
    Metadata: {BuildMethod: python3.12}
"""


def test_project_whose_path_contains_a_colon_is_served(
    tmp_path: Path, start_service: StartService
) -> None:
    root = tmp_path / "a:b"
    files = project({}, app="import common, ours\ndef handler(*_): return common.name\n")
    files["template.yaml"] += BUILT.replace("    Metadata: {BuildMethod: python3.12}\n", "")
    write_project(root, files | {"shared/python/common.py": "name = 'common'\n"})
    wheel = write_wheel(root / "code", "ours")
    write_project(root, {"code/requirements.txt": f"./{wheel}\n"})
    service = start_service(root, handler=None, XDG_CACHE_HOME=str(root / "cache"))
    service.expected_stderr = service.stderr
    before = service.result("First")

    save(service, "name = 'saved'\n", "shared/python/common.py")

    assert (before, service.result("First")) == ("common", "saved")


def test_requirements_of_a_source_layer_are_installed(
    tmp_path: Path, start_service: StartService
) -> None:
    files = project({}, app=VERSION.format(name="common"))
    files["template.yaml"] += BUILT
    (tmp_path / "shared").mkdir()
    first, second = (write_wheel(tmp_path / "shared", "ours", each) for each in "12")
    files["shared/common.py"] = "from ours import version\n"
    files["shared/requirements.txt"] = f"./{first}\n"
    service = start_service(files, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache"))
    service.expected_stderr = service.stderr
    assert service.result("First") == "1"

    save(service, f"./{second}\n", "shared/requirements.txt")

    wait_until(lambda: service.result("First") == "2")


BACKEND = "[build-system]\nrequires=[]\nbuild-backend='slow'\nbackend-path=['.']\n"
BUILDER = """
import shutil, time

def build_wheel(directory, *_):
    with open({built!r}, "a") as file:
        file.write("built\\n")
    time.sleep(1)  # the other service waits meanwhile
    return shutil.copy({wheel!r}, directory).rpartition("/")[2]
"""


def slow_package(folder: Path) -> dict[str, str]:
    """Return the files of `code/slow`, whose installation writes its pid to `began`, and hangs."""
    backend = f"""
import os, pathlib, time

pathlib.Path({str(folder / "began.part")!r}).write_text(str(os.getpid()))
os.rename({str(folder / "began.part")!r}, {str(folder / "began")!r})
time.sleep(600)
"""
    return {"code/slow/pyproject.toml": BACKEND, "code/slow/slow.py": backend}


def packages_state(service: LambdaService) -> str | None:
    path = "/2015-03-31/functions/First/invocations"
    return service.request("POST", path, b"{}").headers.get("x-lambda-live-packages")


def test_code_saved_while_an_installation_fails_runs_with_the_old_packages(
    idna: LambdaService,
) -> None:
    save(idna, "./nothing-here\n", "code/requirements.txt")
    first = idna.result("First")
    save(idna, VERSION.format(name="idna").replace("return ", "return 'new', "), "code/app.py")

    idna.wait_for_line("First: still using the previously installed packages")
    wait_until(lambda: idna.result("First") == ["new", "1"])
    assert first == "1"
    assert packages_state(idna) == "failed"
    assert "nothing-here" in idna.log
    save(idna, template({"greeting": "moin"}))
    save(idna, "import os\ndef handler(*_): return os.environ['GREETING']\n", "code/app.py")
    wait_until(lambda: idna.result("First") == "moin")
    state = idna.request("GET", "/2015-03-31/functions/.lambda-live").json()["functions"][0]
    assert (state["state"], state["error"]["file"]) == ("Failed", "code/requirements.txt")


def test_failed_installation_is_tried_again_at_the_next_save(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service(
        project({}, app=APP), handler=None, XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    service.expected_stderr = service.stderr
    assert service.result("First")[0] == "hello"
    write_wheel(service.project / "code", "ours", "1")
    (tmp_path / "cache/lambda-live").mkdir(parents=True, exist_ok=True)
    packages = tmp_path / "cache/lambda-live/packages"
    packages.write_text("not a folder")  # as if the disk was full
    save(service, "./ours-1-py3-none-any.whl\n", "code/requirements.txt")
    wait_until(lambda: packages_state(service) == "failed")
    packages.unlink()

    save(service, VERSION.format(name="ours"), "code/app.py")

    wait_until(lambda: service.result("First") == "1")
    assert "code/requirements.txt can't be installed:\nFile exists" in service.log
    assert "internal error" not in service.log


def test_read_only_cache_is_reported_and_tried_again_at_the_next_save(
    tmp_path: Path, start_service: StartService
) -> None:
    cache = tmp_path / "cache"
    cache.symlink_to("/sys")  # not even root may write there
    files = project({}, {"name": "Second"}, app=APP) | {"other/app.py": APP}
    service = start_service(files, handler=None, XDG_CACHE_HOME=str(cache))
    wheel = write_wheel(service.project / "code", "ours", "1")
    save(service, f"./{wheel}\n", "code/requirements.txt")
    wait_until(lambda: packages_state(service) == "failed")
    assert service.result("First")[0] == "hello"
    cache.unlink()

    save(service, VERSION.format(name="ours"), "code/app.py")

    wait_until(lambda: service.result("First") == "1")
    assert "code/requirements.txt can't be installed:" in service.log
    assert f": {cache}/lambda-live" in service.log
    assert "internal error" not in service.log


def test_full_disk_is_reported_in_one_line(tmp_path: Path, start_service: StartService) -> None:
    files = project({}, app=APP)
    files["code/full/pyproject.toml"] = BACKEND
    files["code/full/slow.py"] = "import os\nraise OSError(28, os.strerror(28))\n"
    service = start_service(files, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache"))

    save(service, "./full\n", "code/requirements.txt")

    wait_until(lambda: packages_state(service) == "failed")
    reported = "code/requirements.txt can't be installed:\nNo space left on device; free some in "
    assert f"{reported}{tmp_path}/cache" in service.log
    assert "Traceback" not in service.log


def test_interrupt_while_packages_are_installed_ends_pip_and_the_start(tmp_path: Path) -> None:
    files = project({}) | {"code/requirements.txt": "./slow\n"}
    write_project(tmp_path, files | slow_package(tmp_path))
    start = subprocess.Popen(
        [sys.executable, "-P", "-m", "lambda_live", "--port=0", "--admin-port=0"],
        cwd=tmp_path,
        env=environment() | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "began").exists)
    start.send_signal(signal.SIGINT)

    assert (
        start.communicate(timeout=DEADLINE)[1] == "lambda-live: installing code/requirements.txt\n"
    )
    assert start.returncode == 130
    pid = int((tmp_path / "began").read_text(encoding="utf-8"))
    wait_until(lambda: not psutil.pid_exists(pid))


def test_services_that_install_the_same_requirements_share_the_installation(
    tmp_path: Path, start_service: StartService
) -> None:
    built = tmp_path / "built"
    wheel = tmp_path / write_wheel(tmp_path, "ours")
    builder = BUILDER.format(wheel=str(wheel), built=str(built))
    package = {"pyproject.toml": BACKEND, "slow.py": builder, "ours/__init__.py": "version = 1\n"}
    write_project(tmp_path / "package", package)
    services = []
    for name in ("one", "two"):
        root = tmp_path / name
        write_project(root, project({}, app=VERSION.format(name="ours")))
        services.append(
            start_service(root, handler=None, ready=False, XDG_CACHE_HOME=str(tmp_path / "cache"))
        )

    with ThreadPoolExecutor() as pool:
        for service in services:
            pool.submit(
                save, service, f"ours @ file://{tmp_path}/package\n", "code/requirements.txt"
            )

    for service in services:
        wait_until(partial(returns, service, 1))
        assert "can't be installed" not in service.log
    assert built.read_text(encoding="utf-8") == "built\n"


def test_newest_requirements_stop_the_installation_of_older_ones(
    tmp_path: Path, start_service: StartService
) -> None:
    slow = project({}, app=VERSION.format(name="idna")) | slow_package(tmp_path)
    service = start_service(slow, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache"))
    service.expected_stderr = service.stderr
    write_wheel(service.project / "code", "idna", "2")
    save(service, "./slow\n", "code/requirements.txt")
    wait_until((tmp_path / "began").exists)

    save(service, "./idna-2-py3-none-any.whl\n", "code/requirements.txt")

    wait_until(lambda: service.result("First") == "2")
    assert "can't be installed" not in service.log


def test_requirements_that_fail_affect_the_functions_that_need_them(
    tmp_path: Path, start_service: StartService
) -> None:
    other = template({"name": "Other"}).removeprefix("Resources:").replace("code/", "other/")
    files = project({}) | {"other/app.py": APP, "other/requirements.txt": "./nothing-here\n"}
    files["template.yaml"] += other
    service = start_service(files, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache"))
    service.expected_stderr = service.stderr

    assert "other/requirements.txt can't be installed" in service.stderr
    assert service.result("First")[0] == "hello"
    service.wait_for_line("Other: still using those that are installed")
    state = service.request("GET", "/2015-03-31/functions/.lambda-live").json()["functions"]
    assert [each["state"] for each in state] == ["Active", "Failed"]


def test_requirement_without_a_version_is_updated_after_a_week(
    tmp_path: Path, start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, wheels = tmp_path / "cache", tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "ours", "1")
    files = project({}, app=VERSION.format(name="ours")) | {"code/requirements.txt": "ours\n"}
    variables: dict[str, Any] = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    first = start_service(files, handler=None, XDG_CACHE_HOME=str(cache), **variables)
    first.expected_stderr = first.stderr
    before = first.result("First")
    write_wheel(wheels, "ours", "2")
    (installed,) = (cache / "lambda-live/packages").iterdir()
    os.utime(installed, (0, 0))

    second = start_service(tmp_path, handler=None, XDG_CACHE_HOME=str(cache), **variables)

    wait_until(lambda: second.result("First") == "2")
    assert (before, first.result("First")) == ("1", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert prune(0, 0.0) == 0  # both are in use
    for service in (first, second):
        service.end()
    assert prune(0, 0.0) > 0
    assert list((cache / "lambda-live/packages").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("idna\n", True),
        ("idna>=3,<4 ; python_version > '3'\n", True),
        ("idna[x]==3.1  # because\n", False),
        ("-r other.txt\n./folder\nname @ file:///folder\n", False),
        ("idna==3 \\\n    --hash=sha256:aa\n", False),
    ],
)
def test_requirements_without_exact_versions_are_recognized(
    text: str, tmp_path: Path, *, expected: bool
) -> None:
    write_project(tmp_path, {"requirements.txt": text})
    requirements = find_requirements(tmp_path, tmp_path)

    assert requirements is not None
    assert has_open_versions(requirements) is expected


def test_pip_settings_of_the_user_do_not_prevent_an_installation(
    tmp_path: Path, start_service: StartService
) -> None:
    files = project({}, app=VERSION.format(name="ours"))
    (tmp_path / "code").mkdir()
    files["code/requirements.txt"] = f"./{write_wheel(tmp_path / 'code', 'ours', '1')}\n"
    settings = {"USER": "yes", "PREFIX": "/nowhere", "REQUIRE_VIRTUALENV": "1", "DRY_RUN": "1"}
    variables: dict[str, Any] = {f"PIP_{name}": value for name, value in settings.items()}
    cache = str(tmp_path / "cache")
    service = start_service(files, handler=None, XDG_CACHE_HOME=cache, **variables)
    service.expected_stderr = service.stderr

    assert service.result("First") == "1"


def test_moved_handler_while_env_is_saved_keeps_the_service(
    start_service: StartService,
) -> None:
    source = "def handler(event, context): return 'here'\n"
    service = start_service({"function/app.py": source, ".env": "A=1\n"})
    (service.project / "function/app.py").unlink()
    save(service, "A=2\n", ".env")
    assert "x-amz-function-error" in service.invoke().headers

    save(service, source, "function/app.py")
    assert service.result("function") == "here"


DEFAULT = {"lambda_function.py": "def lambda_handler(event, context): return 'by default'\n"}


def test_template_can_be_added_and_removed(start_service: StartService) -> None:
    service = start_service({**DEFAULT, "code/app.py": APP}, handler=None)
    assert service.result("function") == "by default"

    save(service, template({}))
    assert service.result("First")[0] == "hello"
    service.wait_for_line("template.yaml reloaded")
    (service.project / "template.yaml").rename(service.project / "template.yml")
    assert service.result("First")[0] == "hello"
    service.wait_for_line("template.yml reloaded")

    (service.project / "template.yml").unlink()
    assert service.result("function") == "by default"
    service.wait_for_line("the template was removed")
    gone = service.request("POST", "/2015-03-31/functions/First/invocations", b"{}")
    assert gone.status == 404


def test_removed_template_without_default_keeps_the_functions(
    start_service: StartService,
) -> None:
    service = start_service(project({}), handler=None)

    (service.project / "template.yaml").unlink()

    assert service.result("First")[0] == "hello"
    line = service.wait_for_line("template.yaml: the template was deleted; restore it")
    assert "Keeping the last valid template." in line
