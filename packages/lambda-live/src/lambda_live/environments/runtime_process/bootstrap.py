"""
The process of one execution environment: AWS's runtime client, then the handler.

It waits until it is told to begin, so a cold start costs little but the handler's own import.
It dies with the service, however the service dies.
"""

import os
import socket
import sys
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
from types import CodeType, ModuleType

TYPE_CHECKING = False  # typing's, without the time that its import takes
if TYPE_CHECKING:
    from lambda_live.environments.runtime_process.control_channel import ControlChannel
    from lambda_live.environments.runtime_process.function_code import FunctionCode
    from lambda_live.environments.runtime_process.handler_loader import HandlerLoader

    type _Parts = tuple[type[ControlChannel], type[HandlerLoader], type[FunctionCode]]

_RUNTIME_PACKAGES = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"),
    *("debugpy", "pip"),
)
"""Packages that AWS's image brings, and the debugger; a function that brings one has its own."""


class _RuntimePackageFinder:
    """Finds what AWS's runtime brings, and nothing else of what this service is installed with."""

    def __init__(self, directories: list[str]) -> None:
        self._directories = directories

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if path is not None or fullname not in _RUNTIME_PACKAGES:
            return None
        return PathFinder.find_spec(fullname, self._directories, target)


def _isolate() -> None:
    """Let a function import what ships with it, as on AWS, and no tool of this service's."""
    hidden = [path for path in sys.path if not _is_standard_library(path)]
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    hidden.sort(key=given.__contains__)  # what is installed comes before what this service brings
    sys.path[:] = filter(_is_standard_library, sys.path)
    sys.meta_path.append(
        _RuntimePackageFinder(hidden)
    )  # by its method alone: importlib.abc imports inspect


def _is_standard_library(path: str) -> bool:
    """Whether it is the standard library's: neither packages' nor what a `.pth` file names."""
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    own = os.path.dirname(os.__file__)
    return os.path.normpath(path) == own or os.path.basename(path) in ("lib-dynload", zipped)


class _UncachedLoader(SourceFileLoader):
    """
    Compiles watched code each time.

    Python keys a `.pyc` by whole seconds and size: of two saves in a second it may run the first.
    """

    roots: tuple[str, ...] = ()

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not self._is_watched(path):
            return super().get_code(fullname)
        return self.source_to_code(self.get_data(path), path)

    def _is_watched(self, path: str) -> bool:
        """Whether it may change: what is below a hidden folder, as a cache there, may not."""
        below = (path[len(root) :] for root in self.roots if path.startswith(root))
        return any(not rest.startswith(".") and f"{os.sep}." not in rest for rest in below)


def _compile_watched(roots: list[str]) -> None:
    _UncachedLoader.roots = tuple(root + os.sep for root in roots)
    parents = {os.path.dirname(root) for root in roots}
    finder = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (_UncachedLoader, SOURCE_SUFFIXES)
    )

    def hook(path: str) -> object:
        if path in parents or (path + os.sep).startswith(_UncachedLoader.roots):
            return finder(path)
        raise ImportError

    sys.path_hooks.insert(0, hook)  # type: ignore[arg-type]  # typeshed asks for the finder's own type
    sys.path_importer_cache.clear()


def _load_sibling(name: str) -> ModuleType:
    """Return a module of this folder, under no name that the function could import it by."""
    loader = SourceFileLoader(name, os.path.join(os.path.dirname(__file__), f"{name}.py"))
    module = module_from_spec(ModuleSpec(name, loader))
    loader.exec_module(module)
    return module


class _DeferredRuntimeClient(ModuleType):
    """
    Stands for `runtime_client` while awslambdaric is imported, for a process that may not be yet.

    The native one reads where its Runtime API is as it is loaded itself.
    """

    def __init__(self) -> None:
        super().__init__("runtime_client")
        self.agent = ""
        sys.modules[self.__name__] = self

    def initialize_client(self, user_agent: str) -> None:
        """Keep the client's name, as awslambdaric says it."""
        self.agent = user_agent

    def replace(self, poller: str) -> None:
        """Give place to the real one; its name has what the Runtime API knows this process by."""
        del sys.modules[self.__name__]
        try:
            import runtime_client  # noqa: PLC0415  # AWS builds it for Linux alone
        except ImportError:
            runtime_client = sys.modules[self.__name__] = _load_sibling(self.__name__)
        runtime_client.initialize_client(f"{self.agent} {poller}")
        sys.modules["awslambdaric.lambda_runtime_client"].runtime_client = runtime_client  # type: ignore[attr-defined]


def _pop_private(name: str) -> str:
    return os.environ.pop(f"_LAMBDA_LIVE_{name}", "")


def _pop_private_dirs(name: str) -> list[str]:
    return [folder for folder in _pop_private(name).split(os.pathsep) if folder]


def _set_function_pythonpath(environ: dict[str, str]) -> None:
    """Let the function's programs have its own PYTHONPATH in place of the service's."""
    os.environ.pop("PYTHONPATH", None)
    if path := environ["_LAMBDA_LIVE_PATH"]:
        os.environ["PYTHONPATH"] = path


def _import_parts() -> "_Parts":
    """Import the rest of this folder, and leave no trace of it: every name is the function's."""
    sys.path.insert(0, __file__.rpartition(f"{os.sep}lambda_live{os.sep}")[0])
    from lambda_live.environments.runtime_process.control_channel import ControlChannel  # noqa: PLC0415
    from lambda_live.environments.runtime_process.function_code import FunctionCode  # noqa: PLC0415
    from lambda_live.environments.runtime_process.handler_loader import HandlerLoader  # noqa: PLC0415

    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "lambda_live"]:
        del sys.modules[name]
    return ControlChannel, HandlerLoader, FunctionCode


def _create_loader(
    control: socket.socket, environ: dict[str, str], parts: "_Parts"
) -> "HandlerLoader":
    gate, loading, own = parts
    roots, packages = _pop_private_dirs("WATCHED"), _pop_private_dirs("PACKAGES")
    wanted, begun = _pop_private("AHEAD"), bool(_pop_private("BEGUN"))
    _isolate()
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[:0] = [task_root, *packages, *_pop_private_dirs("PATH")]
    _compile_watched(roots)
    return loading(gate(control, begun=begun), own([task_root, *roots], packages), wanted, environ)


def _serve_forks(descriptor: int) -> int:
    """Return in each process that is asked for; were it to start anew, it would do so by itself."""
    control = _load_sibling("zygote").serve(descriptor)
    sys.orig_argv[-2] = str(control)
    return int(control)


def main() -> None:
    """Run as `bootstrap.py CONTROL_FD HANDLER`, or with a zygote's, of which this is forked."""
    control, handler = int(sys.argv[1]), sys.argv[2]
    zygote = bool(_pop_private("ZYGOTE"))
    native = _DeferredRuntimeClient()
    from awslambdaric import bootstrap  # noqa: PLC0415  # reads the environment as it is imported
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    parts = _import_parts()
    if zygote:
        control = _serve_forks(control)
    environ = dict(os.environ)
    debug, poller = _pop_private("DEBUG"), _pop_private("POLLER")
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(log := os.dup(1))
    native.replace(poller)
    # AWS polls from a thread for SIGTERM, which it sends to functions with extensions alone
    client = LambdaRuntimeClient(
        os.environ["AWS_LAMBDA_RUNTIME_API"], use_thread_for_polling_next=False
    )
    loading = _create_loader(socket.socket(fileno=control), environ, parts)
    loading.wrap(bootstrap, [1, 2, log])
    if debug:
        _load_sibling("debugger").listen(int(debug))
    _set_function_pythonpath(environ)
    sys.argv = ["/var/runtime/bootstrap.py"]
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main()
