"""Requirements that are folders of the repository."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambda_live.cli.describe import load_template
from lambda_live.cli.image_context import write_requirements
from lambda_live.dependencies.local_packages import import_roots
from lambda_live.dependencies.requirements import collect_requirements
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until
from support.wheel import write_wheel

FUNCTION = """
  {name}:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: app.handler, CodeUri: {folder}}}
"""
HANDLER = """
import importlib.metadata
import shared
def handler(event, context):
    return [shared.answer, importlib.metadata.version("shared")]
"""
LINKED = "import shared\ndef handler(event, context): return shared.answer\n"
BACKEND = '''
"""A build backend without requirements."""
import pathlib, zipfile

def build_wheel(directory, *_):
    name = "shared-1.0-py3-none-any.whl"
    about = "shared-1.0.dist-info"
    needed = pathlib.Path("needed.txt").read_text()
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as wheel:
        for path in pathlib.Path("src").rglob("*.py"):
            wheel.write(path, path.relative_to("src"))
        wheel.writestr(f"{about}/METADATA",
            f"Metadata-Version: 2.1\\nName: shared\\nVersion: 1.0\\n{needed}")
        wheel.writestr(f"{about}/WHEEL",
            "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        names = "".join(f"{each},,\\n" for each in wheel.namelist())
        wheel.writestr(f"{about}/RECORD", names)
    return name
'''
BUILD = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
UV = """
version = 1
[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "shared" }]
[[package]]
name = "shared"
source = { editable = "../libs/shared" }
"""
POETRY = """
[[package]]
name = "shared"
version = "1.0"
groups = ["main"]
files = []
[package.source]
type = "directory"
url = "../libs/shared"
[metadata]
lock-version = "2.1"
"""
LAYER = """
  Layered:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: layered, Layers: [!Ref Made]}
  Made:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: made}
    Metadata: {BuildMethod: makefile}
"""
FILES = {
    "template.yaml": "Resources:"
    + "".join(FUNCTION.format(name=each.title(), folder=each) for each in ("pip", "uv", "poetry"))
    + LAYER,
    "layered/app.py": "import made\ndef handler(event, context): return made.answer\n",
    "made/Makefile": "build-Made:\n\tpip install . -t $(ARTIFACTS_DIR)/python\n",
    "made/pyproject.toml": "[project]\nname = 'made'\ndependencies = []\n",
    "made/src/made/__init__.py": "answer = 1\n",
    "libs/shared/pyproject.toml": BUILD,
    "libs/shared/backend.py": BACKEND,
    "libs/shared/needed.txt": "",
    "libs/shared/src/shared/__init__.py": "answer = 1\n",
    "libs/shared/src/shared/extra.py": "",
    "pip/app.py": HANDLER,
    "pip/requirements.txt": "-e ../libs/shared\n",
    "uv/app.py": LINKED,
    "uv/uv.lock": UV,
    "poetry/app.py": LINKED,
    "poetry/poetry.lock": POETRY,
}


@pytest.fixture(scope="module")
def service(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    cache = str(tmp_path_factory.mktemp("cache"))
    service = start_module_service(FILES, handler=None, XDG_CACHE_HOME=cache)
    service.expected_stderr = service.stderr
    return service


@pytest.mark.parametrize(("name", "expected"), [("Pip", [2, "1.0"]), ("Uv", 2), ("Poetry", 2)])
def test_saved_folder_takes_effect(service: LambdaService, name: str, expected: object) -> None:
    write_project(service.project, {"libs/shared/src/shared/__init__.py": "answer = 1\n"})
    before = service.result(name)
    write_project(service.project, {"libs/shared/src/shared/__init__.py": "answer = 2\n"})

    assert 1 in (before, before[0] if isinstance(before, list) else None)
    assert service.result(name) == expected


def test_saved_layer_that_is_a_package_takes_effect(service: LambdaService) -> None:
    before = service.result("Layered")
    write_project(service.project, {"made/src/made/__init__.py": "answer = 2\n"})

    assert (before, service.result("Layered")) == (1, 2)
    service.wait_for_line("Makefile of the layer Made is not run; what pyproject.toml requires is")


def test_requirements_of_a_makefile_layer_are_those_of_its_project(tmp_path: Path) -> None:
    project = "[project]\nname = 'made'\ndependencies = ['idna>=3']\n"
    write_project(tmp_path, FILES | {"made/pyproject.toml": project})
    (layered,) = (each for each in load_template(tmp_path).functions if each.name == "Layered")

    assert [each.text for each in collect_requirements(layered, tmp_path)] == ["idna>=3\n"]


def test_module_deleted_from_a_folder_cannot_be_imported(service: LambdaService) -> None:
    code = "import shared.extra\ndef handler(event, context): return 'imported'\n"
    write_project(service.project, {"pip/app.py": code})
    before = service.result("Pip")

    (service.project / "libs/shared/src/shared/extra.py").unlink()

    assert before == "imported"
    assert "shared.extra" in service.result("Pip")["errorMessage"]
    write_project(service.project, {"pip/app.py": HANDLER, "libs/shared/src/shared/extra.py": ""})


def test_requirement_added_to_a_folder_is_installed(service: LambdaService) -> None:
    wheel = write_wheel(service.project, "ours")
    needed = f"Requires-Dist: ours @ {(service.project / wheel).as_uri()}\n"
    code = "import ours\ndef handler(event, context): return ours.version\n"

    write_project(
        service.project,
        {
            "pip/app.py": code,
            "libs/shared/needed.txt": needed,
            "libs/shared/pyproject.toml": BUILD + "# changed\n",
        },
    )

    wait_until(lambda: service.result("Pip") == "0.0.1")


@pytest.mark.parametrize(
    ("files", "roots"),
    [
        ({"lib/__init__.py": ""}, ["."]),
        ({"src/lib/__init__.py": ""}, ["src"]),
        ({"pyproject.toml": "[tool.poetry]\npackages=[{include='a', from='code'}]"}, ["code"]),
        ({"pyproject.toml": "[tool.setuptools.packages.find]\nwhere=['code']"}, ["code"]),
        ({"pyproject.toml": "[tool.hatch.build.targets.wheel]\npackages=['code/a']"}, ["code"]),
        ({"pyproject.toml": "[tool.uv.build-backend]\nmodule-root=''", "src/a.py": ""}, ["."]),
        ({"setup.cfg": "[options]\npackage_dir =\n    = code\n"}, ["code"]),
        ({"setup.py": "setup(package_dir={'': 'code'})"}, ["code"]),
        ({"pyproject.toml": "[tool"}, ["."]),
    ],
)
def test_import_roots_are_those_of_the_build(
    files: dict[str, str], roots: list[str], tmp_path: Path
) -> None:
    write_project(tmp_path, files)
    (tmp_path / "code").mkdir()

    assert import_roots(tmp_path) == [tmp_path / each for each in roots]


def test_image_gets_a_copy_of_each_folder(tmp_path: Path) -> None:
    write_project(tmp_path / "project", FILES)

    write_requirements(tmp_path / "project", tmp_path / "image")

    lines = {path.name: path.read_text() for path in (tmp_path / "image").glob("*/*.txt")}
    copies = list((tmp_path / "image").glob("*/local/*/shared/src/shared/__init__.py"))
    assert lines["requirements.txt"].strip() == "" or "./local/" in lines["requirements.txt"]
    assert "./local/" in lines["folders.txt"]
    assert len(copies) == 2  # the lock files require the same


GIT_PACKAGE = """
[[package]]
name = "shared"
version = "1.0"
groups = ["main"]
files = []
[package.source]
type = "git"
url = "file://{url}"
reference = "main"
resolved_reference = "{commit}"
"""
GIT_UV = """
version = 1
[[package]]
name = "app"
source = {{ virtual = "." }}
dependencies = [{{ name = "shared" }}, {{ name = "ours" }}]
[[package]]
name = "shared"
source = {{ git = "file://{url}?rev=main#{commit}" }}
[[package]]
name = "ours"
version = "0.0.1"
source = {{ registry = "https://pypi.org/simple" }}
"""
BOTH = """
import ours
def handler(event, context):
    try:
        import shared
    except ImportError:
        return [ours.version, None]
    return [ours.version, shared.answer]
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    command = ("git", "-C", str(folder), *identity, *arguments)
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def test_packages_from_git_are_installed_and_do_not_stop_the_rest(
    tmp_path: Path, start_service: StartService
) -> None:
    package = {name: text for name, text in FILES.items() if name.startswith("libs/shared")}
    write_project(tmp_path / "source", package)
    source = tmp_path / "source/libs/shared"
    git(source, "init", "--quiet", "--initial-branch=main")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "-m", "first")
    place = {"url": source, "commit": git(source, "rev-parse", "HEAD")}
    wheel = write_wheel(tmp_path, "ours")
    digest = hashlib.sha256((tmp_path / wheel).read_bytes()).hexdigest()
    ours = POETRY.partition("[package.source]")[0].replace("shared", "ours").replace("1.0", "0.0.1")
    ours = ours.replace("files = []", f'files = [{{file = "x", hash = "sha256:{digest}"}}]')
    end = '[metadata]\nlock-version = "2.1"\n'
    names = ("uv", "poetry", "gone")
    files = {
        "template.yaml": "Resources:"
        + "".join(FUNCTION.format(name=each.title(), folder=each) for each in names),
        "uv/uv.lock": GIT_UV.format_map(place),
        "poetry/poetry.lock": ours + GIT_PACKAGE.format_map(place) + end,
        "gone/poetry.lock": ours + GIT_PACKAGE.format_map(place | {"url": "/nowhere"}) + end,
        **{f"{each}/app.py": BOTH for each in names},
    }

    variables: dict[str, Any] = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    cache = str(tmp_path / "cache")
    service = start_service(files, handler=None, XDG_CACHE_HOME=cache, **variables)
    service.expected_stderr = service.stderr

    assert service.result("Uv") == ["0.0.1", 1]
    assert service.result("Poetry") == ["0.0.1", 1]
    assert service.result("Gone") == ["0.0.1", None]
    service.wait_for_line("gone/poetry.lock (shared) can't be installed:")


def test_compiled_modules_of_a_folder_are_found_and_the_others_stay_live(
    tmp_path: Path, start_service: StartService
) -> None:
    adds = 'for path in pathlib.Path("src")'
    assert adds in BACKEND
    backend = BACKEND.replace(adds, f"wheel.writestr('shared/_fast.so', b'')\n        {adds}")
    handler = (
        "import importlib.util, shared\n"
        "def handler(event, context):\n"
        "    return [shared.answer, importlib.util.find_spec('shared._fast') is not None]\n"
    )
    names = ("pip", "poetry", "uv")
    files = {
        **FILES,
        **{f"{each}/app.py": handler for each in names},
        "template.yaml": FILES["template.yaml"].replace(LAYER, ""),
        "libs/shared/backend.py": backend,
        "libs/shared/pyproject.toml": BUILD + "[tool.maturin]\n",
        "libs/shared/src/fast.rs": "",
    }
    service = start_service(files, handler=None, XDG_CACHE_HOME=str(tmp_path / "cache"))
    service.expected_stderr = service.stderr
    before = [service.result(each.title()) for each in names]

    write_project(service.project, {"libs/shared/src/shared/__init__.py": "answer = 2\n"})

    assert before == [[1, True]] * 3
    assert [service.result(each.title()) for each in names] == [[2, True]] * 3
