"""
Published functions of other projects: `python -m bench.public_functions CHECKOUTS`.

CHECKOUTS/OWNER/NAME is a clone of each repository in public_functions.toml. A copy is served.
"""

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.server import free_port, is_ready
from lambda_live.dependencies.installation import install_dir
from lambda_live.dependencies.requirements import collect_requirements
from lambda_live.model.template import FunctionSpec, Layer

_SAVES = 5
_START_TIMEOUT_SECONDS = 300.0
_RESPONSE_TIMEOUT_SECONDS = 60.0
_MAX_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One function in public_functions.toml."""

    name: str
    repository: str
    folder: str
    edited: str
    commit: str = ""
    prepare: str = ""
    function: str = ""
    imports: str = ""
    packages: str = ""
    sources: Sequence[str] = ()
    event: str = "{}"
    event_file: str = ""
    url: str = ""
    arguments: Sequence[str] = ()
    adds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Results; times are in milliseconds."""

    response: str = ""
    first: float = 0.0
    save: float = 0.0
    bare: float = 0.0
    ratio: float = 0.0

    def row(self, case: Case) -> str:
        """Return a row of the table."""
        edits = ", ".join(f"+ `{name}`" for name in case.adds) or "nothing"
        bare = f"{self.bare:.0f} ms | {self.ratio:.2f}" if self.bare else "fails | -"
        times = f"{self.first:.0f} ms | {self.save:.0f} ms | {bare}"
        return f"| {case.name} | {edits} | {times} | `{self.response}` |"


@contextmanager
def _run_service(case: Case, project: Path) -> Iterator[int]:
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "lambda_live", *case.arguments, "--timeout=30"]
    command += [f"--port={port}", f"--admin-port={admin}"]
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile("w+") as log:
        process = psutil.Popen(command, cwd=project, env=env, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + _START_TIMEOUT_SECONDS
            while not is_ready(admin, "/ready"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(log.read()[-600:])
                time.sleep(0.01)
            yield port
        finally:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
            process.wait()


def _function_name(case: Case, port: int) -> str:
    if case.function:
        return case.function
    response = _request(port, "GET", "/2015-03-31/functions/", b"")
    return str(json.loads(response[0])["Functions"][0]["FunctionName"])


def _request(port: int, method: str, path: str, body: bytes) -> tuple[bytes, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_RESPONSE_TIMEOUT_SECONDS)
    connection.request(method, path, body or None)
    response = connection.getresponse()
    code = response.headers.get("X-Lambda-Live-Code-Sha256", "")
    error = response.headers.get("X-Amz-Function-Error", "")
    body = response.read()
    connection.close()
    return body, code, error


def _invoke(case: Case, port: int, name: str, event: bytes) -> tuple[bytes, str, str]:
    if case.url:
        return _request(port, "GET", case.url, b"")
    return _request(port, "POST", f"/2015-03-31/functions/{name}/invocations", event)


def _measure_saves(
    case: Case, project: Path, port: int, name: str, event: bytes
) -> list[tuple[float, float]]:
    """Measure a save and the bare import of the code in turns, so that other load affects both."""
    edited = project / case.edited
    text = edited.read_text(encoding="utf-8")
    times = []
    last = _invoke(case, port, name, event)[1]
    for number in range(_SAVES):
        time.sleep(1.5)  # as short as a person's pause
        start = time.perf_counter()
        edited.write_text(f"{text}\n# saved {number}\n", encoding="utf-8")
        code = _invoke(case, port, name, event)[1]
        save = (time.perf_counter() - start) * 1000
        if code == last:
            message = f"{case.name}: the code did not change after a save of {case.edited}"
            raise RuntimeError(message)
        last = code
        times.append((save, _import_ms(case, project, port)))
    return times


def _import_ms(case: Case, project: Path, port: int) -> float:
    edited = project / case.edited
    module = case.imports or edited.stem
    root = project.joinpath(case.edited).parents[module.count(".")]
    sources = [project / each for each in case.sources]
    layers = tuple(Layer("", each, "python3.12") for each in sources)
    function = FunctionSpec("", "", None, "", root, "python3.12", layers=layers)
    packages = map(install_dir, collect_requirements(function, project))
    path = [root, *packages, *sources]
    path += [project / case.packages] if case.packages else []
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), **_variables(case, port)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    command = [sys.executable, "-c", f"import {module}"]
    ended = subprocess.run(command, cwd=root, env=env, capture_output=True, check=False)
    return 0.0 if ended.returncode else (time.perf_counter() - start) * 1000


def _variables(case: Case, port: int) -> dict[str, str]:
    """Return what a bare import needs of an environment: it may call Lambda, too."""
    names = re.findall(r"([A-Z][A-Z_]{3,}): '?([^\s,}']+)", case.adds.get("template.yaml", ""))
    names += [tuple(each[6:].split("=", 1)) for each in case.arguments if each.startswith("--env=")]
    return {
        "AWS_ACCESS_KEY_ID": "placeholder",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{port}",
        "AWS_SECRET_ACCESS_KEY": "placeholder",
        "POWERTOOLS_TRACE_DISABLED": "1",
        **dict(names),
    }


def measure(case: Case, checkouts: Path, directory: Path) -> Measurement:
    """Measure a copy. Raises RuntimeError if it cannot be served."""
    copy = directory / "copy"
    shutil.copytree(
        checkouts / case.repository, copy, ignore=shutil.ignore_patterns(".git"), symlinks=True
    )
    project = copy / case.folder
    for name, text in case.adds.items():
        (project / name).write_text(text, encoding="utf-8")
    if case.prepare:
        command = [sys.executable, "-m", *case.prepare.split()]
        subprocess.run(command, cwd=project, check=True)
    event = case.event.encode()
    if case.event_file:
        event = (project / case.event_file).read_bytes()
    with _run_service(case, project):
        pass  # installs the requirements, and compiles the bytecode
    start = time.perf_counter()
    with _run_service(case, project) as port:
        name = _function_name(case, port)
        response, _, error = _invoke(case, port, name, event)
        first = (time.perf_counter() - start) * 1000
        times = _measure_saves(case, project, port, name, event)
    save, bare = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(save / bare for save, bare in times) if bare else 0.0
    text = response.decode("utf-8", "replace").replace("|", " ").replace("`", "")
    shown = " ".join(text.split())
    return Measurement(f"{error} {shown}".strip()[:_MAX_SHOWN_CHARACTERS], first, save, bare, ratio)


def _cases() -> list[Case]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = tomllib.loads(text)["case"]
    return [Case(**one) for one in cases]


def main() -> int:
    """Print the table; return 1 if a function could not be served."""
    checkouts = Path(sys.argv[1]).resolve()
    name_part = sys.argv[2] if len(sys.argv) > 2 else ""  # noqa: PLR2004  # optional
    failed = 0
    head = ("function", "edited", "first response", "save → response", "bare import", "ratio")
    print(f"| {' | '.join(head)} | response |")
    print("|---|---|---|---|---|---|---|")
    for case in _cases():
        if name_part.lower() not in case.name.lower():
            continue
        with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
            try:
                print(measure(case, checkouts, Path(directory)).row(case), flush=True)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                failed = 1
                output = getattr(error, "stderr", b"") or str(error)
                print(f"| {case.name} | not served | | | | | {output[-300:]!r} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
