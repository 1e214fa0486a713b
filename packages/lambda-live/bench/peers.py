"""What is compared: the service, AWS's emulator, smyth, and a server that does nothing."""

import os
import platform
import sys
import sysconfig
from contextlib import AbstractContextManager
from pathlib import Path

from bench.packages import provide
from bench.project import ROOT
from bench.server import Server, answers, free_port, listens, running

HANDLER = "subject.app.lambda_handler"
EXITING = "subject.exiting.lambda_handler"
_PEERS = ROOT / ".cache" / "bench"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def _python(peer: str) -> Path:
    return _PEERS / peer / "bin" / "python"


def local(
    project: Path, handler: str = HANDLER, concurrency: int = 1, admin: int = 0
) -> AbstractContextManager[Server]:
    """Run `lambda_live` from the checkout, with its page at the port `admin`, or at any."""
    port, admin = free_port(), admin or free_port()
    # a log in the project's folder is no code
    command = [sys.executable, "-m", "lambda_live", handler, "--watch=subject"]
    command += ["--port", str(port), "--admin-port", str(admin)]
    command += ["--concurrency", str(concurrency)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | provide(project, sysconfig.get_path("purelib"))
    return running(command, port, lambda: answers(admin, "/ready"), cwd=project, env=env)


def emulator_binary() -> Path | None:
    """Return AWS's Runtime Interface Emulator, which is built for Linux alone, or None."""
    machine = _MACHINES.get(platform.machine().lower())
    pattern = f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    found = sorted((_PEERS / "emulator").glob(pattern))
    return found[0] if found and sys.platform == "linux" else None


def emulator(project: Path, binary: Path, handler: str = HANDLER) -> AbstractContextManager[Server]:
    """Run AWS's emulator as AWS's base image does, outside a container."""
    port, api = free_port(), free_port()
    binary.chmod(0o755)
    command = [str(binary), "--log-level", "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api}"]
    command += [str(_python("emulator")), "-m", "awslambdaric", handler]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    env = os.environ | {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",  # the image's bootstrap sets it
        "LAMBDA_TASK_ROOT": str(project),
        "_HANDLER": handler,
    }
    return running(command, port, lambda: listens(port), cwd=project, env=env)


def smyth(project: Path) -> AbstractContextManager[Server]:
    """Run smyth, as its README says, with as little logging as it can do."""
    port = free_port()
    command = [str(_python("smyth")), "-m", "smyth", "--port", str(port), "--quiet"]
    status = "/smyth/api/status"
    return running(command, port, lambda: answers(port, status), cwd=project, env=os.environ)


def bare(project: Path) -> AbstractContextManager[Server]:
    """Run uvicorn with an application that does nothing."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--lifespan", "off"]
    command += ["--log-level", "error"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return running(command, port, lambda: listens(port), cwd=project, env=env)
