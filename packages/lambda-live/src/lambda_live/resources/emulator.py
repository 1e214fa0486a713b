"""
The emulator of AWS's services: MiniStack, or the one at `AWS_ENDPOINT_URL`.

MiniStack runs as a child process on a free port of 127.0.0.1, with packages of its own in the
cache. docs/resources.md says why it was chosen.
"""

import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lambda_live.dependencies.cache import cache_dir, state_dir
from lambda_live.dependencies.installation import install
from lambda_live.model.function import Account
from lambda_live.model.requirements import Requirements

_REQUIREMENTS = Path(__file__).with_name("emulator.txt")
_PROCESS = Path(__file__).with_name("emulator_process.py")
_TIMEOUT_SECONDS = 10.0
_PROBE_SECONDS = 2.0
_STOP_SECONDS = 5.0
_SAVE_SECONDS = 60.0
_OWN_STATE = "lambda_live.json"
_RETRY_SECONDS = 0.2
_SEEDED = "seeded"
LEADER = "leader"
"""See `changes`."""
_INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


class Emulator:
    """
    A running emulator.

    `file` is that of `state_file` if this service stops the emulator. `reports_changes` is whether
    its process is that of `emulator_process`: then it also stores positions. `is_new` is whether it
    has no test data yet.
    """

    def __init__(self, url: str, file: Path | None = None) -> None:
        self.url = url
        self.name = "AWS_ENDPOINT_URL" if file is None else "MiniStack"
        self.is_own = self.reports_changes = file is not None
        self.is_new = False
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None
        self._persists = False

    @classmethod
    def start(
        cls, project: Path, account: Account, log: Callable[[str], None], *, persists: bool = False
    ) -> "Emulator":
        """
        Start the emulator, or take over the one of a killed service of this project.

        If it `persists`, it has the data of the last such start, and stores its own at the stop.

        Raises:
            InstallError: Its packages cannot be installed.
            OSError: The port in the stored data is in use.
        """
        key, file = _key(project, account), state_file(project, account)
        if (url := running_emulator(file, key)) is not None:
            return cls(url, file)
        packages = cls.install(log)
        folder, stored = file.parent, state_dir("resources") / file.parent.name
        listener = _listen(stored / "port" if persists else None)
        emulator = cls(f"http://127.0.0.1:{listener.getsockname()[1]}", file)
        emulator.is_new = not (persists and (stored / "state" / _OWN_STATE).exists())
        emulator._persists = persists  # this class
        folder.mkdir(parents=True, exist_ok=True)
        environ = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "DOCKER_HOST": f"unix://{folder}/no-docker",  # it must not start containers
            "GATEWAY_PORT": emulator.url.rpartition(":")[2],
            "LOG_LEVEL": "ERROR",
            "MINISTACK_ACCOUNT_ID": account.account_id,
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": account.region,
            "PYTHONPATH": str(packages),
        }
        if persists:
            environ |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(stored / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(stored / "objects"),
            }
        with listener, (folder / "emulator.log").open("wb") as log_file:
            emulator._process = subprocess.Popen(  # noqa: S603  # this class and its program
                [sys.executable, "-P", "-S", str(_PROCESS), f"fd://{listener.fileno()}", key],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C stops it through the service
            )
        file.write_text(json.dumps({"url": emulator.url, "key": key}), encoding="utf-8")
        return emulator

    @classmethod
    def connect(cls, url: str, timeout: float = 0) -> "Emulator":
        """Return the emulator at a URL, once it responds or after some seconds."""
        emulator = cls(url)
        deadline = time.monotonic() + timeout
        while not emulator.is_reachable() and time.monotonic() < deadline:
            time.sleep(_RETRY_SECONDS)
        with suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            emulator.is_new = _SEEDED not in _read_state(url)["state"]
            emulator.reports_changes = True
        return emulator

    @staticmethod
    def install(log: Callable[[str], None]) -> Path:
        """Install the emulator unless the cache has it; return its folder. Raises InstallError."""
        text = _REQUIREMENTS.read_text(encoding="utf-8")
        name = "the AWS emulator (once, about 60 MB)"
        return install(Requirements(_REQUIREMENTS, text, (), _REQUIREMENTS.parent, name=name), log)

    def state(self) -> dict[str, Any]:
        """Return what `save_state` stored, such as the positions of streams."""
        stored: dict[str, Any] = _read_state(self.url)["state"]
        if not self.is_own:
            self.is_new = _SEEDED not in stored
        return stored

    def save_state(self, members: dict[str, Any]) -> None:
        """Store values for the time that the emulator runs."""
        if self.reports_changes:
            _request(self.url, "PUT", "_lambda_live/state", json.dumps(members).encode())

    def reset(self) -> None:
        """Delete everything in the emulator. Raises OSError."""
        _request(self.url, "POST", "_ministack/reset", b"")
        self.is_new = True

    def mark_seeded(self) -> None:
        """Store that the emulator has the test data."""
        self.is_new = False
        self.save_state({_SEEDED: True})

    def is_reachable(self) -> bool:
        """Whether the emulator accepts connections."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), _PROBE_SECONDS).close()
        except OSError:
            return False
        return True

    @property
    def log_file(self) -> Path | None:
        """The file with the emulator's own errors."""
        return self._file.with_name("emulator.log") if self._file is not None else None

    def changes(self, project: Path) -> Iterator[list[str]]:
        """
        Yield the names of services after each change of their data; blocks between them.

        `LEADER` among them says that this service reads the project's event sources from now on. A
        heartbeat is an empty list. The iteration ends with the emulator.
        """
        url = f"{self.url}/_lambda_live/changes?{quote(str(project.resolve()), safe='')}"
        with (
            suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS * 3) as lines,  # noqa: S310  # http
        ):
            for line in lines:
                yield line.decode().split()

    def stop(self) -> bool:
        """
        Stop the emulator. What is in it is lost, unless it persists.

        Return False if it could not store its data.
        """
        if self._file is None:
            return True
        with suppress(OSError, http.client.HTTPException):
            _request(self.url, "POST", "_lambda_live/stop")
        self._file.unlink(missing_ok=True)
        if self._process is None:
            return True
        try:
            self._process.wait(_SAVE_SECONDS if self._persists else _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return not self._persists or self._process.returncode == 0


def _listen(port_file: Path | None) -> socket.socket:
    """Listen on a free port; with a file, on the same one each time: stored URLs have it."""
    port = 0
    if port_file is not None:
        with suppress(OSError, ValueError):  # missing, or damaged by a full disk
            port = int(port_file.read_text(encoding="utf-8"))
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        hint = f"stop what uses it, or delete {port_file and port_file.parent}"
        message = f"port {port}, which the persisted data names, is in use; {hint}"
        raise OSError(message) from error
    if port_file is not None:
        port_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may have secrets
        port_file.write_text(str(listener.getsockname()[1]), encoding="utf-8")
    return listener


def state_file(project: Path, account: Account) -> Path:
    """Return the file with the URL of a project's emulator."""
    key = hashlib.sha256(_key(project, account).encode()).hexdigest()[:16]
    return cache_dir("emulators") / key / "emulator.json"


def _key(project: Path, account: Account) -> str:
    return f"{project.resolve()} {account.region} {account.account_id}"


def running_emulator(file: Path, key: str | None = None, *, in_use: bool = False) -> str | None:
    """
    Return the URL of the emulator that a file names, if it runs.

    Without `in_use`, an emulator that another service uses does not count.
    """
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        found = _read_state(stored["url"])
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None
    is_same = found.get("key") == (key or stored["key"])
    return str(stored["url"]) if is_same and (in_use or not found["services"]) else None


def _read_state(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        _request(url, "GET", "_lambda_live/state", timeout=_PROBE_SECONDS)
    )
    return found


def _request(
    url: str, method: str, path: str, body: bytes | None = None, timeout: float = _TIMEOUT_SECONDS
) -> bytes:
    request = urllib.request.Request(f"{url}/{path}", body, method=method)  # noqa: S310  # http
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310  # as above
        content: bytes = response.read()
    return content
