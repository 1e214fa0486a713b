"""
The process of one execution environment: AWS's runtime client, then the handler.

It waits until it is told to begin, so a cold start costs little but the handler's own import.
It dies with the service, however the service dies.
"""

import importlib
import os
import signal
import site
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType, ModuleType

_AHEAD = ("asyncio", "dataclasses", "inspect")
"""The standard library's slow modules that structlog, boto3 and so most functions import."""

DEBUG_ADDRESS = ("127.0.0.1", 5678)


_RUNTIMES_OWN = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"),
    *("debugpy", "pip"),
)
"""Packages that AWS's image brings, and the debugger; a function that brings one has its own."""


class _RuntimesOwn:
    """Finds what AWS's runtime brings, and nothing else of what this service is installed with."""

    def __init__(self, directories: list[str]) -> None:
        self._directories = directories

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if path is not None or fullname not in _RUNTIMES_OWN:
            return None
        return PathFinder.find_spec(fullname, self._directories, target)


def _isolate() -> None:
    """Let a function import what ships with it, as on AWS, and no tool of this service's."""
    hidden = [*site.getsitepackages(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sys.path[:] = [path for path in sys.path if path not in hidden]
    sys.meta_path.append(_RuntimesOwn(hidden))  # by its method alone: importlib.abc imports inspect


class _Uncached(SourceFileLoader):
    """
    Compiles watched code each time.

    Python keys a `.pyc` by whole seconds and size: of two saves in a second it may run the first.
    """

    roots: tuple[str, ...] = ()

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not path.startswith(self.roots):
            return super().get_code(fullname)
        return self.source_to_code(self.get_data(path), path)


def _compile_watched(roots: list[str]) -> None:
    _Uncached.roots = tuple(root + os.sep for root in roots)
    parents = {str(Path(root).parent) for root in roots}
    finder = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (_Uncached, SOURCE_SUFFIXES)
    )

    def hook(path: str) -> object:
        if path in parents or (path + os.sep).startswith(_Uncached.roots):
            return finder(path)
        raise ImportError

    sys.path_hooks.insert(0, hook)  # type: ignore[arg-type]  # typeshed asks for the finder's own type
    sys.path_importer_cache.clear()


def _beside(name: str) -> ModuleType:
    """Return a module of this folder, under no name that the function could import it by."""
    loader = SourceFileLoader(name, str(Path(__file__).with_name(f"{name}.py")))
    module = module_from_spec(ModuleSpec(name, loader))
    loader.exec_module(module)
    return module


def _runtime_client() -> None:
    try:
        import runtime_client  # noqa: F401, PLC0415  # AWS builds it for Linux alone
    except ImportError:
        sys.modules["runtime_client"] = _beside("runtime_client")


def _poll_as(poller: str) -> None:
    """Add to the client's name what the Runtime API knows this process by."""
    client = sys.modules["runtime_client"]
    initialize = client.initialize_client
    client.initialize_client = lambda agent: initialize(f"{agent} {poller}")  # type: ignore[attr-defined]  # awslambdaric calls it as it is imported


def _import_ahead() -> set[str]:
    before = set(sys.modules)
    for name in _AHEAD:
        importlib.import_module(name)
    return set(sys.modules) - before


def _forget_shadowed(ahead: set[str], root: str) -> None:
    """A function's own module of the same name comes before the standard library's, as on AWS."""
    own = {name.partition(".")[0] for name in os.listdir(root)}  # noqa: PTH208  # names are enough
    for name in ahead:
        if name.partition(".")[0] in own:
            del sys.modules[name]


def _die_with_the_service(control: socket.socket) -> None:
    """Wait for the service's end of the socket to close; end this process and all it started."""
    control.recv(1)
    os.killpg(0, signal.SIGKILL)  # pragma: no cover  # nobody is left to say that it ran


def _say_where_init_failed(bootstrap: ModuleType, control: socket.socket) -> None:
    """AWS's error names no place for an ImportError; whoever broke it wants file and line."""
    get_handler = bootstrap._get_handler  # noqa: SLF001  # the one place that has the traceback

    def wrapped(handler: str) -> object:
        try:
            return get_handler(handler)
        except BaseException as error:
            control.send(_place(error.__context__ or error).encode("utf-8", "replace")[:4000])
            raise

    bootstrap._get_handler = wrapped  # type: ignore[attr-defined]  # noqa: SLF001


def _place(error: BaseException) -> str:
    what = "".join(traceback.format_exception_only(error)[-1:]).strip()
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {what}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and "awslambdaric" not in frame.filename
    ]
    frames = [frame for frame in frames if frame.filename not in (__file__, importlib.__file__)]
    return f"{frames[-1].filename}:{frames[-1].lineno}: {what}" if frames else what


def main() -> None:
    """Run as `bootstrap.py CONTROL_FD HANDLER`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    handler = sys.argv[2]
    roots = os.environ.pop("_LAMBDA_LOCAL_WATCHED").split(os.pathsep)
    packages = os.environ.pop("_LAMBDA_LOCAL_PACKAGES").split(os.pathsep)
    isolated = os.environ.pop("_LAMBDA_LOCAL_ISOLATED", "")
    debug = os.environ.pop("_LAMBDA_LOCAL_DEBUG", "")
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.dup(1))
    poller = os.environ.pop("_LAMBDA_LOCAL_POLLER")
    _runtime_client()
    _poll_as(poller)
    from awslambdaric import bootstrap  # noqa: PLC0415  # reads the environment as it is imported
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    # AWS polls from a thread for SIGTERM, which it sends to functions with extensions alone
    client = LambdaRuntimeClient(
        os.environ["AWS_LAMBDA_RUNTIME_API"], use_thread_for_polling_next=False
    )
    ahead = _import_ahead()
    if not control.recv(1):
        return
    threading.Thread(target=_die_with_the_service, args=(control,), daemon=True).start()
    if isolated:
        _isolate()
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], *filter(None, packages)]
    _forget_shadowed(ahead, os.environ["LAMBDA_TASK_ROOT"])
    _compile_watched([root for root in roots if root])
    _say_where_init_failed(bootstrap, control)
    if debug:
        _beside("debugger").listen(DEBUG_ADDRESS)
    os.environ.pop("PYTHONPATH", None)  # the service's own, which the function's programs need not
    sys.argv = ["/var/runtime/bootstrap.py"]
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main()
