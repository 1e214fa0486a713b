"""
Time from a save to the first response of the new code, with slow imports.

The limit is `python -c` with the same imports. Both use the same installed packages.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import Client
from bench.packages import provide_packages
from bench.project import REPOSITORY
from bench.scale import Scale
from bench.server import Server, free_port, is_ready, run_server
from bench.table import Row

MAX_RATIO = 0.4
MAX_MEDIAN_MS = 200.0
_PAUSE_SECONDS = 2.5
"""Pause between two saves, as short as a person's."""

_VENV = REPOSITORY / ".cache" / "bench" / "imports"
_EVENT = {
    "version": "2.0",
    "rawPath": "/",
    "rawQueryString": "",
    "headers": {"host": "localhost"},
    "requestContext": {
        "http": {"method": "GET", "path": "/", "sourceIp": "127.0.0.1"},
        "requestId": "bench",
        "stage": "$default",
    },
}


@dataclass(frozen=True, slots=True)
class _Subject:
    name: str
    imports: str
    code: str


_SUBJECTS = (
    _Subject(
        "boto3 and pandas",
        "import boto3, pandas",
        "s3 = boto3.client('s3', region_name='us-east-1')\n"
        "def handler(event, context):\n    return '{version}'\n",
    ),
    _Subject(
        "FastAPI with Mangum",
        "import fastapi, mangum",
        "app = fastapi.FastAPI()\n@app.get('/')\ndef read():\n    return '{version}'\n"
        "handler = mangum.Mangum(app, lifespan='off')\n",
    ),
    _Subject(
        "Powertools and X-Ray",
        "import aws_lambda_powertools, aws_xray_sdk.core, "
        "aws_lambda_powertools.event_handler as events",
        "tracer = aws_lambda_powertools.Tracer(service='bench')\n"
        "app = events.APIGatewayHttpResolver()\n"
        "@app.get('/')\ndef read():\n    return '{version}'\n"
        "@tracer.capture_lambda_handler\n"
        "def handler(event, context):\n    return app.resolve(event, context)\n",
    ),
)


def _packages() -> str:
    return str(next(_VENV.glob("lib/python*/site-packages")))


@contextmanager
def _run_service(directory: Path) -> Iterator[Server]:
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "lambda_live", "app.handler", "--memory=512"]
    command += ["--timeout=30", "--port", str(port), "--admin-port", str(admin)]
    env = os.environ | provide_packages(directory, _packages())
    with run_server(
        command, port, lambda: is_ready(admin, "/ready"), cwd=directory, env=env
    ) as server:
        yield server


def _save(subject: _Subject, directory: Path, version: int) -> str:
    name = f"v{version}:"
    text = f"{subject.imports}\n{subject.code.replace('{version}', name)}"
    new = directory / ".app.py.new"
    new.write_text(text)
    new.rename(directory / "app.py")
    return name


def _import_ms(subject: _Subject, directory: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", subject.imports],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": _packages()},
        check=True,
    )
    return (time.perf_counter() - start) * 1000


def _measure_one(subject: _Subject, directory: Path, number: int) -> Row:
    """Measure a save and the imports alone in turns."""
    saves, imports_alone = [], []
    directory.mkdir()
    first = _save(subject, directory, 0)
    with _run_service(directory) as server:
        client = Client(server.port)
        client.wait_for(first, _EVENT)
        for version in range(1, number + 1):
            time.sleep(_PAUSE_SECONDS)
            start = time.perf_counter()
            name = _save(subject, directory, version)
            saves.append((client.wait_for(name, _EVENT) - start) * 1000)
            imports_alone.append(_import_ms(subject, directory))
        client.close()
    median, limit = statistics.median(saves), statistics.median(imports_alone)
    ratio = statistics.median(a / b for a, b in zip(saves, imports_alone, strict=True))
    reached = ratio <= MAX_RATIO and median <= MAX_MEDIAN_MS
    return Row(
        f"save → response, with {subject.name}",
        f"{median:.0f} ms",
        limit=f"{limit:.0f} ms",
        ratio=f"{ratio:.2f} × python -c",
        target=f"≤ {MAX_RATIO:g} × and ≤ {MAX_MEDIAN_MS:.0f} ms",
        reached=reached,
    )


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Measure each subject."""
    return [
        _measure_one(subject, directory / f"imports{index}", scale.slow_saves)
        for index, subject in enumerate(_SUBJECTS)
    ]
