"""
The Python that a function's own processes run: `sys.executable`, and `python3` on PATH.

Problem: the process of an environment runs the service's interpreter, and hides the service's
packages (`bootstrap.py`). A program that the function starts by `sys.executable`, or a worker that
`multiprocessing` spawns, starts again: it would see the service's packages in their versions, and
not the function's.

How it works: each combination of interpreter and packages gets a virtual environment in the cache:
`pyvenv.cfg`, links to the interpreter, and one `.pth` file. That file names the folders with the
function's packages, and one with links to the packages of AWS's image. So every process sees what
the function sees, also with `-I`, another folder or cleared variables. Nothing is copied.

Without it, `subprocess.run([sys.executable, ...])` imports other versions than the function, and
succeeds where AWS fails.

Sources: https://docs.python.org/3/library/site.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

import atexit
import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter

_RUNTIME_MODULES = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"),
    *("debugpy", "pip"),
)
"""Modules of AWS's image, and the debugger. A function's own copy takes precedence."""

_DISTRIBUTIONS = (*_RUNTIME_MODULES, "python_dateutil")


class FunctionPython:
    """The virtual environment for one interpreter and some folders of packages."""

    def __init__(self, configuration: FunctionConfiguration) -> None:
        self._interpreter = configuration.interpreter
        self._number = self._interpreter.version.rpartition(".")[0]
        own = configuration.runtime_packages
        links = {} if own is not None else _service_packages()
        self._folders = (*configuration.source_dirs, *site_dirs(configuration))
        key = repr((self._interpreter, self._folders, own, links)).encode("utf-8", "replace")
        self._root = _base_folder() / hashlib.sha256(key).hexdigest()[:16]
        self._links = links
        self.runtime_packages = own or self._root / "runtime"
        """The folder with the packages of AWS's image."""

    @property
    def bin(self) -> Path:
        """The folder of the executable."""
        return self._root / "bin"

    @property
    def executable(self) -> Path:
        """The executable."""
        return self.bin / f"python{self._number}"

    @property
    def python_path(self) -> Path:
        """The value of PYTHONPATH: an empty folder, where AWS has its runtime folder."""
        return self._root / "aws"

    def create(self) -> None:
        """Create the files, unless they exist. Raises OSError."""
        if self.executable.exists():
            return
        self._root.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=self._root.parent))
        try:
            self._write(partial)
            if not self.executable.exists():  # or another service was faster
                shutil.rmtree(self._root, ignore_errors=True)  # its interpreter was removed
                partial.rename(self._root)
        except OSError:
            if not self.executable.exists():
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _write(self, root: Path) -> None:
        base = _base_executable(self._interpreter)
        lines = [f"home = {base.parent}", "include-system-site-packages = false"]
        lines.append(f"version = {self._interpreter.version}")
        (root / "pyvenv.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
        packages = root / f"lib/python{self._number}/site-packages"
        for folder in (packages, root / "bin", root / "aws", root / "runtime"):
            folder.mkdir(parents=True)
        for name in (f"python{self._number}", "python3", "python"):
            (root / "bin" / name).symlink_to(base)
        for name, target in self._links.items():
            (root / "runtime" / name).symlink_to(target)
        folders = [*self._folders, self.runtime_packages]
        text = "".join(f"{folder}\n" for folder in folders)
        (packages / "function.pth").write_text(text, encoding="utf-8")


def site_dirs(configuration: FunctionConfiguration) -> tuple[Path, ...]:
    """
    Return the folders of packages that are on `sys.path`.

    The modules of layers are not if PYTHONPATH is set, even if it is empty: AWS's bootstrap then
    adds neither `/opt/python` nor its `site-packages`.
    """
    if "PYTHONPATH" not in configuration.variables:
        return configuration.package_dirs
    return tuple(
        folder
        for folder in configuration.package_dirs
        if folder.name != "python" and folder not in configuration.layer_sources
    )


@lru_cache(maxsize=1)
def _base_folder() -> Path:
    """Return the folder of the cache, or a temporary one if the cache is read-only."""
    folder = cache_dir("python")
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder
    temporary = Path(tempfile.mkdtemp(prefix="lambda-live-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def _base_executable(interpreter: Interpreter) -> Path:
    """Return the executable outside of a virtual environment."""
    if interpreter == SERVICE_INTERPRETER:
        base = getattr(sys, "_base_executable", sys.executable)
        return Path(os.path.realpath(base) if os.path.islink(base) else base)  # noqa: PTH114  # as is
    return Path(interpreter.executable).resolve()


@lru_cache(maxsize=1)
def _service_packages() -> dict[str, str]:
    """Return the service's copies of AWS's packages, with their metadata, by file name."""
    found = {}
    for name in _RUNTIME_MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin)
        path = path.parent if spec.submodule_search_locations else path
        found[path.name] = str(path)
        for distribution in _DISTRIBUTIONS:
            for metadata in path.parent.glob(f"{distribution}-{_version(distribution)}.dist-info"):
                found[metadata.name] = str(metadata)
    return found


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
