"""Scripts with macOS's bash 3.2, and with tools other than GNU's."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.project import REPOSITORY
from tests.environment.support.checks import Checks

SCRIPTS = sorted(
    path
    for path in (REPOSITORY / "scripts").iterdir()
    if path.is_file() and path.suffix in ("", ".bash")
)
PROGRAMS = [path for path in SCRIPTS if os.access(path, os.X_OK)]


def bash_3_2(directory: Path) -> str:
    """Return a PATH that begins with bash 3.2."""
    for bash in (os.environ.get("BASH_3_2"), "/bin/bash"):
        version = subprocess.run(
            [bash or "false", "--version"], capture_output=True, text=True, check=False
        )
        if bash and "version 3.2" in version.stdout:
            (directory / "bash").symlink_to(bash)
            return f"{directory}{os.pathsep}{os.environ['PATH']}"
    pytest.skip("no bash 3.2; to have it, build https://ftp.gnu.org/gnu/bash and set BASH_3_2")


def busybox(directory: Path) -> str:
    """Return a PATH of busybox's tools, and bash and curl."""
    if not (found := shutil.which("busybox")):
        pytest.skip("no busybox")
    listed = subprocess.run([found, "--list"], capture_output=True, text=True, check=True)
    tools = dict.fromkeys(listed.stdout.split(), found)
    tools |= {tool: str(shutil.which(tool)) for tool in ("bash", "curl")}
    for tool, path in tools.items():
        (directory / tool).symlink_to(path)
    return str(directory)


@pytest.fixture(params=[bash_3_2, busybox], ids=["bash 3.2", "busybox"])
def other_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(request.param(tmp_path_factory.mktemp("bin")))


def test_help_of_every_script_is_a_success(other_path: str) -> None:
    for script in PROGRAMS:
        helped = subprocess.run(
            [script, "--help"],
            env={"PATH": other_path, "HOME": "/"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (helped.returncode, helped.stderr) == (0, ""), script
        assert helped.stdout.startswith(f"Usage: scripts/{script.name}")


@pytest.mark.parametrize("script", PROGRAMS, ids=lambda script: script.name)
def test_an_unknown_option_is_one_line_that_names_it(script: Path) -> None:
    if script.name == "unit":
        pytest.skip("scripts/unit passes its options to pytest")
    done = subprocess.run([script, "--nonsense"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{script.name}: unknown option --nonsense")
    assert done.stderr.count("\n") == 1


def test_every_script_is_well_formed(other_path: str) -> None:
    files = list(map(str, SCRIPTS))
    read = subprocess.run(
        ["bash", "-c", 'for file; do bash -n "$file"; done', "-", *files],
        env={"PATH": other_path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stderr == ""


def test_check_accept_and_invoke_work_with_other_tools(checks: Checks, other_path: str) -> None:
    for name in ("__pycache__/x.pyc", ".x.swp", "x~"):  # files that are not code
        (checks.project / "function" / name).parent.mkdir(exist_ok=True)
        (checks.project / "function" / name).touch()
    checks.write("a", {"n": 1}, {"n": 2})
    checks.write_request("r", 'POST /\nContent-Type: application/json\n\n{"response": 1}\n', "200")

    failed = checks.run(PATH=other_path)
    accepted = checks.run("--accept", PATH=other_path)
    passed = checks.run("--json", PATH=other_path)
    invoked = checks.run("events/a.json", "events/r.http", script="invoke", PATH=other_path)

    assert failed.stdout.splitlines()[0] == "a.json: n: 2 → 1"
    assert [done.stderr for done in (failed, accepted, passed)] == ["", "", ""]
    assert [done.returncode for done in (failed, accepted, passed, invoked)] == [1, 0, 0, 0]
    assert checks.expected("a") == '{"n":1}'


def test_python_never_imports_modules_of_the_project(tmp_path: Path) -> None:
    """A project may have modules called random or json. Without -P or -I, Python imports these."""
    for name in ("json", "random", "types", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the module of the project')\n")
    calls = {
        f"{path.name}: {call[0]}"
        for path in (*SCRIPTS, REPOSITORY / "Makefile", REPOSITORY / "Tiltfile")
        for call in re.finditer(r"(?<![\w-])python3?\"?,? \"?-[mc]\b.*", path.read_text())
    }
    safe = subprocess.run(
        ["bash", "-c", f"source {REPOSITORY}/scripts/machine.bash; json_value 'value[\"a\"]'"],
        cwd=tmp_path,
        input='{"a": 1}',
        capture_output=True,
        text=True,
        check=False,
    )

    assert calls == set()
    assert safe.stdout == "1\n", safe.stderr
