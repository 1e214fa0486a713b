"""Install requirements into a directory of the cache, apart from the service's own packages."""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir
from lambda_live.dependencies.local_packages import remove_copies
from lambda_live.dependencies.package_cache import hold, prune
from lambda_live.dependencies.pip_input import cache_key, copy_files, has_open_versions, pip_text
from lambda_live.dependencies.requirements import find_line_without_hash
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.model.template_error import place_of

_PROGRESS = ("Building wheel", "Collecting", "Downloading")
_PROGRESS_INTERVAL_SECONDS = 2.0
_LOCK_POLL_SECONDS = 0.1
_MAX_AGE_SECONDS = 7 * 86_400.0
"""After this time, packages without exact versions are installed again."""

_OPTIONS = ("--compile", "--disable-pip-version-check", "--no-user", "--progress-bar=off")
_VARIABLES = {"PIP_DRY_RUN": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
_IGNORED_VARIABLES = ("PIP_PREFIX", "PIP_PYTHON", "PIP_ROOT", "PIP_TARGET")
"""pip's --target has no effect with these variables, or without --no-user."""


def is_installed(requirements: Requirements) -> bool:
    """Return whether the cache has the packages. A lock file may have nothing but folders."""
    has_some = requirements.text or requirements.is_direct
    return not has_some or install_dir(requirements).is_dir()


def install_dir(requirements: Requirements) -> Path:
    """Return the directory of the packages, which depends on the requirements and the Python."""
    directory = cache_dir("packages") / cache_key(requirements)
    return max(directory.parent.glob(f"{directory.name}.*"), default=directory)


def is_stale(requirements: Requirements) -> bool:
    """Return whether newer packages may be available for requirements without exact versions."""
    try:
        age_seconds = time.time() - install_dir(requirements).stat().st_mtime
    except OSError:
        return False
    return age_seconds > _MAX_AGE_SECONDS and has_open_versions(requirements)


def install(requirements: Requirements, log: Callable[[str], None]) -> Path:
    """Install requirements unless the cache has them; return the directory. Raises InstallError."""
    return Installation(requirements, log).run()


class Installation:
    """
    One installation. `run` blocks, and `stop` may be called from another thread.

    Several services may need the same packages at the same time. A lock lets one of them install.
    """

    def __init__(
        self, requirements: Requirements, log: Callable[[str], None], *, again: bool = False
    ) -> None:
        """With `again`, the newest packages are installed beside those that the cache has."""
        self._requirements = requirements
        self._again = again
        self._log = log
        self._stopped = threading.Event()
        self._pip: subprocess.Popen[str] | None = None

    def run(self) -> Path:
        """Install the requirements unless the cache has them; return the directory."""
        try:
            directory = install_dir(self._requirements)
            if self._again:
                name = f"{directory.name.partition('.')[0]}.{int(time.time())}"
                directory = directory.with_name(name)
            if not directory.is_dir():
                with self._locked(directory.name):
                    self._install(directory)
                hold(directory)
                prune()
        except OSError as error:
            reason = ": ".join(str(each) for each in (error.strerror, error.filename) if each)
            raise self._error(reason or repr(error)) from error
        return directory

    def stop(self) -> None:
        """Kill pip and everything it started; `run` then raises InstallError."""
        self._stopped.set()
        if self._pip is not None and self._pip.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pip.pid, signal.SIGKILL)

    def _error(self, reason: str) -> InstallError:
        text = f"{self._requirements.label} can't be installed:\n{reason.strip()}"
        return InstallError(text, self._requirements.source)

    def _check_hashes(self) -> None:
        """Raise InstallError if only some packages have hashes, which pip rejects at length."""
        source = self._requirements.source
        if source.name == "requirements.txt" and (line := find_line_without_hash(source)):
            text = (
                f"{place_of(source, line[0])}: {line[1]} has no hash, but other packages have;"
                " add hashes for it and what it needs (pip-compile --generate-hashes),"
                " or remove all hashes"
            )
            raise InstallError(text, source)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Hold the lock of an installation, which ends with this process at the latest."""
        locks = cache_dir("locks")
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / key).open("w") as file:
            while not _try_lock(file.fileno()):
                if self._stopped.wait(_LOCK_POLL_SECONDS):
                    reason = "another process installs it, and this one is stopped"
                    raise self._error(reason)
            yield

    def _install(self, directory: Path) -> None:
        if directory.is_dir():
            return  # another process installed it meanwhile
        self._check_hashes()
        self._log(f"installing {self._requirements.label}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=directory.parent))
        try:
            self._run_pip(partial)
            partial.rename(directory)
        except OSError:
            if not directory.is_dir():  # another process was faster, on a file system without locks
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _run_pip(self, target: Path) -> None:
        requirements, python = self._requirements, self._requirements.python
        other = () if python == SERVICE_INTERPRETER else ("--python", python.executable)
        # -P: pip runs in the project's folder, which may have a types.py
        command = [sys.executable, "-P", "-m", "pip", *other, "install", *_OPTIONS]
        inherited = (each for each in os.environ.items() if each[0] not in _IGNORED_VARIABLES)
        file = requirements.source
        with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as errors:
            if requirements.folders or requirements.is_lock:
                file = Path(directory) / "requirements.txt"
                file.write_text(pip_text(requirements), encoding="utf-8")
            if requirements.is_direct:
                command.append("--no-deps")
            elif requirements.is_lock:
                copy_files(requirements, file.parent)
            with subprocess.Popen(  # noqa: S603  # pip, with the user's own files
                [*command, "--target", target, "--requirement", file],
                cwd=requirements.directory,
                env={**dict(inherited), **_VARIABLES},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                process_group=0,
            ) as self._pip:
                self._follow_pip(self._pip)
            errors.seek(0)
            if self._pip.returncode != 0:
                raise self._error(_explain(errors.read(), target.parent))
        remove_copies(target, requirements.folders)

    def _follow_pip(self, pip: subprocess.Popen[str]) -> None:
        try:
            if self._stopped.is_set():  # before there was a process
                self.stop()
            _log_progress(pip.stdout or (), self._log)
        except BaseException:  # Ctrl-C does not reach another process group
            self.stop()
            raise


def _explain(output: str, cache: Path) -> str:
    """Return pip's output, or what to do if the disk is full: pip then lists each file."""
    full = os.strerror(errno.ENOSPC)
    return f"{full}; free some in {cache} or {tempfile.gettempdir()}" if full in output else output


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _log_progress(lines: Iterable[str], log: Callable[[str], None]) -> None:
    next_time = time.monotonic() + _PROGRESS_INTERVAL_SECONDS
    for line in lines:
        if line.lstrip().startswith(_PROGRESS) and time.monotonic() > next_time:
            next_time = time.monotonic() + _PROGRESS_INTERVAL_SECONDS
            log(f"  {line.partition(' (from ')[0].strip()}")
