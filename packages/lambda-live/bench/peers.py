"""The compared servers: lambda_live, AWS's emulator, smyth, and uvicorn alone."""

import os
import platform
import sys
import sysconfig
from contextlib import AbstractContextManager
from pathlib import Path

from bench.packages import provide_packages
from bench.project import PACKAGE, REPOSITORY
from bench.server import Server, free_port, is_listening, is_ready, run_server

HANDLER = "subject.app.lambda_handler"
EXITING_HANDLER = "subject.exiting.lambda_handler"
_PEERS_DIR = REPOSITORY / ".cache" / "bench"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def _python(peer: str) -> Path:
    return _PEERS_DIR / peer / "bin" / "python"


def run_local(
    project: Path, handler: str = HANDLER, concurrency: int = 1, admin: int = 0
) -> AbstractContextManager[Server]:
    """Run `lambda_live` of this checkout. With `admin` 0, its dashboard has any free port."""
    port, admin = free_port(), admin or free_port()
    # without --watch, the log file in the project would count as code
    command = [sys.executable, "-m", "lambda_live", handler, "--watch=subject"]
    command += ["--port", str(port), "--admin-port", str(admin)]
    command += ["--concurrency", str(concurrency)]
    env = os.environ | provide_packages(project, sysconfig.get_path("purelib"))
    return run_server(command, port, lambda: is_ready(admin, "/ready"), cwd=project, env=env)


def emulator_binary() -> Path | None:
    """Return AWS's Runtime Interface Emulator, or None: it exists for Linux only."""
    machine = _MACHINES.get(platform.machine().lower())
    pattern = f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    found = sorted((_PEERS_DIR / "emulator").glob(pattern))
    return found[0] if found and sys.platform == "linux" else None


def run_emulator(
    project: Path, binary: Path, handler: str = HANDLER
) -> AbstractContextManager[Server]:
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
    return run_server(command, port, lambda: is_listening(port), cwd=project, env=env)


def run_smyth(project: Path) -> AbstractContextManager[Server]:
    """Run smyth like its README, with the least logging."""
    port = free_port()
    command = [str(_python("smyth")), "-m", "smyth", "--port", str(port), "--quiet"]
    status = "/smyth/api/status"
    return run_server(command, port, lambda: is_ready(port, status), cwd=project, env=os.environ)


def run_bare(project: Path) -> AbstractContextManager[Server]:
    """Run uvicorn with an application that does nothing."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--lifespan", "off"]
    command += ["--log-level", "error"]
    env = os.environ | {"PYTHONPATH": str(PACKAGE)}
    return run_server(command, port, lambda: is_listening(port), cwd=project, env=env)
