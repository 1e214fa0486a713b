import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambda_live.cli.image_context import write_function
from lambda_live.dependencies.installation import install
from lambda_live.dependencies.missing_modules import explain_load_error
from lambda_live.dependencies.pip_input import cache_key, copy_requirements
from lambda_live.dependencies.requirements import find_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import InstallError
from support.lambda_service import environment
from support.project import write_project

LOCK = """
[[package]]
name = "one"
version = "1.0"
groups = ["main", "dev"]
markers = {main = "python_version < \\"4\\"", dev = "python_version < \\"5\\""}
files = [{file = "a", hash = "sha256:bb"}, {file = "b", hash = "sha256:aa"}]

[[package]]
name = "two"
version = "2.0"
groups = ["dev"]
files = []

[[package]]
name = "three"
version = "3.0"
groups = ["main"]
files = [{file = "c", hash = "sha256:cc"}]

[metadata]
lock-version = "2.1"
"""


def test_poetry_lock_main_group_is_used(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, {"poetry.lock": LOCK, "code/app.py": ""})

    found = find_requirements(tmp_path / "code", tmp_path)

    assert found is not None
    assert found.text == (
        'one==1.0 ; python_version < "4" \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n'
        "three==3.0 \\\n    --hash=sha256:cc\n"
    )


GENERATED = "# GENERATED from poetry.lock by scripts/export\none==1.0 \\\n    --hash=sha256:aa\n"


def test_poetry_lock_comes_before_requirements_txt_generated_from_it(tmp_path: Path) -> None:
    write_project(tmp_path, {"code/requirements.txt": GENERATED})
    generated = find_requirements(tmp_path / "code", tmp_path)
    write_project(tmp_path, {"poetry.lock": LOCK})
    locked = find_requirements(tmp_path / "code", tmp_path)

    assert generated is not None
    assert locked is not None
    assert (generated.source, generated.text) == (tmp_path / "code/requirements.txt", GENERATED)
    assert locked.source == tmp_path / "poetry.lock"


def test_package_added_to_generated_requirements_txt_is_an_error(tmp_path: Path) -> None:
    write_project(
        tmp_path, {"poetry.lock": LOCK, "code/requirements.txt": f"{GENERATED}requests\n"}
    )

    with pytest.raises(InstallError, match=r"requirements.txt:4: .* run poetry add requests$"):
        find_requirements(tmp_path / "code", tmp_path)


def test_package_without_hash_beside_hashes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = GENERATED.replace("GENERATED", "compiled") + "\nrequests\n"
    write_project(tmp_path, {"requirements.txt": text})
    found = find_requirements(tmp_path, tmp_path)

    assert found is not None
    with pytest.raises(InstallError, match=r"requirements.txt:5: requests has no hash, but other"):
        install(found, print)


@pytest.mark.parametrize(
    ("files", "module", "hint"),
    [
        ({"code/requirements.txt": ""}, "yaml", "; add pyyaml to {0}/code/requirements.txt"),
        ({"poetry.lock": LOCK}, "requests", "; run poetry add requests"),
        ({"poetry.lock": LOCK, ".poetry/x": ""}, "a", "; run .poetry/bin/poetry add a"),
        ({"uv.lock": ""}, "requests", "; run uv add requests"),
        ({"pyproject.toml": "[project]"}, "a", "; add a to the dependencies in {0}/pyproject.toml"),
        ({}, "PIL", "; add pillow to {0}/code/requirements.txt"),
        ({"uv.lock": "", "cdk.json": ""}, "a", "; add a to {0}/code/requirements.txt"),
        ({}, "urllib3.packages.six", ""),
        (
            {},
            "distutils",
            "; newer versions of Python have no distutils; update the package that imports it",
        ),
        ({"code/own/__init__.py": ""}, "own.gone", ""),
        ({}, "json.gone", ""),
    ],
)
def test_missing_module_says_how_to_add_it(
    tmp_path: Path, files: dict[str, str], module: str, hint: str
) -> None:
    write_project(tmp_path, files)
    location = f"code/app.py:3: ModuleNotFoundError: No module named '{module}'"

    explained = explain_load_error(location, tmp_path / "code", tmp_path)

    assert explained == location + hint.format(tmp_path)


def test_requirements_txt_comes_before_poetry_even_if_empty(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, {"poetry.lock": LOCK, "code/requirements.txt": "# nothing\n"})

    assert find_requirements(tmp_path / "code", tmp_path) is None
    assert find_requirements(tmp_path / "other", tmp_path / "code") is None


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        ("[[package]", "poetry.lock:1: invalid TOML: Expected .*; run poetry lock"),
        ('[metadata]\nlock-version = "2.0"\n', "has no dependency groups; run poetry lock"),
        (
            LOCK.replace('groups = ["main"]', 'groups = ["main"]\nsource = {type = "git"}'),
            r"is invalid \(KeyError\('url'\)\); run poetry lock",
        ),
    ],
)
def test_poetry_lock_that_is_not_supported_raises(lock: str, why: str, tmp_path: Path) -> None:
    write_project(tmp_path, {"poetry.lock": lock})

    with pytest.raises(InstallError, match=why):
        find_requirements(tmp_path, tmp_path)


UV = """
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [
    { name = "one", extra = ["more"] },
    { name = "four", version = "4.1", marker = "sys_platform == 'win32'" },
    { name = "four", version = "4.0.post1", marker = "sys_platform != 'win32'" },
]
optional-dependencies = { unwanted = [{ name = "unlisted" }] }
dev-dependencies = { dev = [{ name = "unlisted" }] }
[[package]]
name = "one"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "two", marker = "python_version < '4'" }]
optional-dependencies = { more = [{ name = "three" }], less = [{ name = "unlisted" }] }
sdist = { hash = "sha256:bb" }
wheels = [{ hash = "sha256:aa" }]
[[package]]
name = "two"
version = "2.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "one" }, { name = "three" }]
wheels = [{ hash = "sha256:cc" }]
[[package]]
name = "three"
version = "3.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ hash = "sha256:dd" }]
[[package]]
name = "four"
version = "4.0.post1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "two", marker = "python_version >= '3'" }]
wheels = [{ hash = "sha256:ee" }]
[[package]]
name = "four"
version = "4.1"
source = { registry = "https://pypi.org/simple" }
wheels = [{ hash = "sha256:ff" }]
[[package]]
name = "member"
source = { editable = "services/member" }
dependencies = [{ name = "three" }]
"""
SHOP = """\
four==4.0.post1 ; (sys_platform != 'win32') \\
    --hash=sha256:ee
four==4.1 ; (sys_platform == 'win32') \\
    --hash=sha256:ff
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
three==3.0 \\
    --hash=sha256:dd
two==2.0 ; (python_version < '4') or (python_version >= '3') and (sys_platform != 'win32') \\
    --hash=sha256:cc
"""
THREE = "three==3.0 \\\n    --hash=sha256:dd\n"
MEMBER = '[project]\nname = "member"\ndependencies = ["other"]\n'


@pytest.mark.parametrize(
    ("files", "text", "source"),
    [
        ({"uv.lock": UV}, SHOP, "uv.lock"),
        ({"uv.lock": UV, "services/pyproject.toml": MEMBER}, "other\n", "services/pyproject.toml"),
        ({"uv.lock": UV, "services/member/pyproject.toml": MEMBER}, THREE, "uv.lock"),
        ({"pyproject.toml": MEMBER}, "other\n", "pyproject.toml"),
        ({"pyproject.toml": MEMBER, "poetry.lock": LOCK}, "one==1.0", "poetry.lock"),
        (
            {"uv.lock": UV, "services/member/code/requirements.txt": "own\n"},
            "own\n",
            "services/member/code/requirements.txt",
        ),
        ({"pyproject.toml": "[tool.ruff]\n", "poetry.lock": LOCK}, "one==1.0", "poetry.lock"),
    ],
    ids=["uv", "its own", "a uv workspace", "no lock", "Poetry", "requirements.txt", "tools"],
)
def test_nearest_project_above_the_code_is_used(
    files: dict[str, str], text: str, source: str, tmp_path: Path
) -> None:
    write_project(tmp_path, {"services/member/code/app.py": "", **files})

    found = find_requirements(tmp_path / "services/member/code", tmp_path)

    assert found is not None
    assert found.text.startswith(text) if source == "poetry.lock" else found.text == text
    assert found.source == tmp_path / source


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("pyproject.toml", "\n[project\n", "pyproject.toml:2: invalid TOML: Expected .*; fix it"),
        ("pyproject.toml", "[project]\n'a' = [\n", "pyproject.toml:3: invalid TOML"),
        ("pyproject.toml", "[project]\ndependencies = 1\n", "dependencies must be a list of text"),
        ("uv.lock", "[", "uv.lock:1: invalid TOML: .*; run uv lock"),
        ("uv.lock", UV.replace("version = 1", "version = 2", 1), "run uv export --no-dev -o req"),
        (
            "uv.lock",
            UV.replace('name = "three"\n', 'name = "3"\n'),
            "package three is missing; run uv lock",
        ),
    ],
)
def test_project_file_that_is_not_supported_raises(
    file: str, text: str, why: str, tmp_path: Path
) -> None:
    write_project(tmp_path, {file: text})

    with pytest.raises(InstallError, match=why):
        find_requirements(tmp_path, tmp_path)


def test_uv_lock_without_all_hashes_is_used_without_hashes(tmp_path: Path) -> None:
    write_project(tmp_path, {"uv.lock": UV.replace('{ hash = "sha256:dd" }', "{}")})

    found = find_requirements(tmp_path, tmp_path)

    assert found is not None
    assert "three==3.0\n" in found.text
    assert "--hash" not in found.text


def test_cache_key_changes_with_an_included_file(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r more/base.txt\n", "more/base.txt": "idna==1\n"}
    write_project(tmp_path, files)
    requirements = find_requirements(tmp_path, tmp_path)
    assert requirements is not None
    before = cache_key(requirements)

    (tmp_path / "more/base.txt").write_text("idna==2\n")

    assert cache_key(requirements) != before


@pytest.mark.parametrize("line", ["-r pipe.txt", "--constraint=pipe.txt"])
def test_included_named_pipe_is_reported(tmp_path: Path, line: str) -> None:
    write_project(tmp_path, {"requirements.txt": f"idna\n{line}\n"})
    os.mkfifo(tmp_path / "pipe.txt")

    with pytest.raises(InstallError, match=r"pipe\.txt is a named pipe"):
        find_requirements(tmp_path, tmp_path)


def test_image_context_contains_what_ships(tmp_path: Path) -> None:
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    function = f"Type: AWS::Serverless::Function, Properties: {{Runtime: {runtime}, Handler: app.h"
    write_project(
        tmp_path,
        {
            "template.yaml": f"""
Resources:
  One: {{{function}, CodeUri: one, Layers: [!Ref Shared, !Ref Built]}}}}
  Two: {{{function}, CodeUri: two}}}}
  Shared: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: shared}}}}
  Built:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: built}}
    Metadata: {{BuildMethod: python3.12}}
""",
            "one/app.py": "h = 1\n",
            "one/.settings.json": "",
            "one/.env": "SECRET=1\n",
            "one/requirements.txt": "-r base.txt\n",
            "one/base.txt": "idna\n",
            "two/app.py": "h = 2\n",
            "shared/python/common.py": "",
            "built/own.py": "",
            "built/requirements.txt": "six\n",
        },
    )

    def package(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "lambda_live", "image-context", *args],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    package("function", "image", "One").check_returncode()
    package("requirements", "requirements").check_returncode()
    unnamed = package("function", "other")

    image = tmp_path / "image"
    written = {str(path.relative_to(image)) for path in image.rglob("*") if path.is_file()}
    key, key_of_layer = (image / "keys").read_text().split()
    assert written == {
        *("code/.settings.json", "code/app.py", "code/base.txt", "code/requirements.txt"),
        *("handler", "keys", "opt/python/common.py"),
        *("opt/python/own.py", "opt/python/requirements.txt"),
    }
    assert (image / "handler").read_text() == "app.h"
    assert (tmp_path / "requirements" / key / "base.txt").read_text() == "idna\n"
    of_layer = tmp_path / "requirements" / key_of_layer / "requirements.txt"
    assert of_layer.read_text() == "six\n"
    assert unnamed.returncode == 2
    assert unnamed.stderr == (
        "lambda-live: set the build argument FUNCTION to a function of the template: One, Two\n"
    )


def test_image_context_for_another_python_is_rejected(tmp_path: Path) -> None:
    other = "python3.14" if sys.version_info < (3, 14) else "python3.13"
    function = f"{{Runtime: {other}, Handler: app.h, CodeUri: .}}"
    template = f"Resources: {{One: {{Type: AWS::Serverless::Function, Properties: {function}}}}}"
    write_project(tmp_path, {"template.yaml": template, "app.py": "h = 1\n"})

    made = subprocess.run(
        [sys.executable, "-P", "-m", "lambda_live", "image-context", "function", "image"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 2
    version = other.removeprefix("python")
    assert f"--build-arg BASE_IMAGE=public.ecr.aws/lambda/python:{version}" in made.stderr
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize(
    ("files", "shipped"),
    [({}, set()), ({"events/__init__.py": ""}, {"events/__init__.py", "events/event.json"})],
    ids=["the checks' events", "a package of the function's"],
)
def test_image_context_contains_events_only_if_they_are_code(
    files: dict[str, str], shipped: set[str], tmp_path: Path
) -> None:
    properties = f"{{Runtime: {SERVICE_INTERPRETER.runtime}, Handler: app.h, CodeUri: .}}"
    template = f"Resources: {{One: {{Type: AWS::Lambda::Function, Properties: {properties}}}}}\n"
    own = {"template.yaml": template, "app.py": "h = 1\n", "events/event.json": "{}"}
    write_project(tmp_path / "project", own | files)

    write_function(tmp_path / "project", tmp_path / "image")

    code = tmp_path / "image/code"
    written = {str(path.relative_to(code)) for path in code.rglob("*") if path.is_file()}
    assert written == {"app.py", "template.yaml"} | shipped


def test_image_context_rejects_files_outside_the_folder(tmp_path: Path) -> None:
    write_project(tmp_path, {"code/requirements.txt": "-r ../base.txt\n", "base.txt": "idna\n"})
    found = find_requirements(tmp_path / "code", tmp_path)

    assert found is not None
    with pytest.raises(InstallError, match="; move it into "):
        copy_requirements(found, tmp_path / "image")


def test_install_checks_the_hashes_of_poetry_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_project(tmp_path, {"poetry.lock": LOCK.replace('"3.0"', '"3.0.nonsense"')})
    found = find_requirements(tmp_path, tmp_path)
    logged: list[str] = []

    assert found is not None
    with pytest.raises(InstallError, match="can't be installed"):
        install(found, logged.append)
    assert logged == [f"installing {tmp_path}/poetry.lock"]
    assert list((tmp_path / "cache/lambda-live/packages").iterdir()) == []
