"""
How long after a save the new code answers, where its imports are slow.

The limit is `python -c` with the same imports; both have their packages from the same folder.
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
from bench.packages import provide
from bench.project import ROOT
from bench.scale import Scale
from bench.server import Server, answers, free_port, running
from bench.table import Row

RATIO = 0.4
MEDIAN_MS = 200.0
_PAUSE = 2.5
"""Seconds between two saves: as long as a person takes at the least."""

_VENV = ROOT / ".cache" / "bench" / "imports"
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
def _served(directory: Path) -> Iterator[Server]:
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "lambda_live", "app.handler", "--memory=512"]
    command += ["--timeout=30", "--port", str(port), "--admin-port", str(admin)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | provide(directory, _packages())
    with running(command, port, lambda: answers(admin, "/ready"), cwd=directory, env=env) as server:
        yield server


def _save(subject: _Subject, directory: Path, version: int) -> str:
    name = f"v{version}:"
    text = f"{subject.imports}\n{subject.code.replace('{version}', name)}"
    new = directory / ".app.py.new"
    new.write_text(text)
    new.rename(directory / "app.py")
    return name


def _alone(subject: _Subject, directory: Path) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", subject.imports],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": _packages()},
        check=True,
    )
    return (time.perf_counter() - begin) * 1000


def _one(subject: _Subject, directory: Path, number: int) -> Row:
    """Take turns: a save, then the imports alone."""
    saves, alone = [], []
    directory.mkdir()
    first = _save(subject, directory, 0)
    with _served(directory) as server:
        client = Client(server.port)
        client.wait_for(first, _EVENT)
        for version in range(1, number + 1):
            time.sleep(_PAUSE)
            begin = time.perf_counter()
            name = _save(subject, directory, version)
            saves.append((client.wait_for(name, _EVENT) - begin) * 1000)
            alone.append(_alone(subject, directory))
        client.close()
    median, limit = statistics.median(saves), statistics.median(alone)
    ratio = statistics.median(a / b for a, b in zip(saves, alone, strict=True))
    reached = ratio <= RATIO and median <= MEDIAN_MS
    return Row(
        f"save → new answer with {subject.name}",
        f"{median:.0f} ms",
        limit=f"{limit:.0f} ms",
        ratio=f"{ratio:.2f} × python -c",
        must=f"≤ {RATIO:g} × and ≤ {MEDIAN_MS:.0f} ms",
        reached=reached,
    )


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Save, ask until the new code answers, again and again, for each."""
    return [
        _one(subject, directory / f"imports{index}", scale.slow_saves)
        for index, subject in enumerate(_SUBJECTS)
    ]
