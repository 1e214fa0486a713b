"""
Entry point of an environment's process: start AWS's runtime client, which runs the handler.

The service runs `python -P bootstrap.py CONTROL_FD HANDLER`. The process then
1. imports awslambdaric with a stand-in for its extension `runtime_client`;
2. if it is a zygote, waits here; the steps below happen in its forks;
3. loads the real `runtime_client`;
4. changes `sys.path` so that the function sees its own code, AWS's packages and nothing else;
5. replaces awslambdaric's load of the handler: see `handler_loader.py`;
6. calls awslambdaric's `run`, which never returns.

What of awslambdaric is replaced or relied on, besides `_get_handler`:
- `runtime_client` reads AWS_LAMBDA_RUNTIME_API when it is imported, but the forks of a zygote have
  different addresses. `_DeferredRuntimeClient` takes its place until the address is known.
- `awslambdaric.lambda_runtime_client.runtime_client` is the name that the real one is assigned to.
  The token that it sends in User-Agent proves to the Runtime API that this process is the
  environment's.
- `LambdaRuntimeClient.call_rapid` posts init errors, and gets the token too.
- The variable _LAMBDA_TELEMETRY_LOG_FD makes awslambdaric write log records as frames, so that a
  record with more than one line stays one.

Without the first two there are no zygotes, and any process on the machine could take an event.
`pyproject.toml` limits awslambdaric to versions with these names, and a test fails if they change.

Source: https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

import json
import os
import resource
import socket
import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import module_from_spec
from types import CodeType, ModuleType

TYPE_CHECKING = False  # like typing's, without the time that its import takes
if TYPE_CHECKING:
    from lambda_live.environments.runtime_process.handler_loader import HandlerLoader


_MAX_OPEN_FILES = 1024
"""AWS's limit (Lambda quotas, "File descriptors")."""


def _limit_open_files() -> None:
    """Apply AWS's limit to this process and those that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _isolate(runtime_packages: list[str]) -> None:
    """
    Replace the service's packages on `sys.path` by those of AWS's image.

    A package's path entries and the interpreter are then the same as in the processes that the
    function starts: see `environments/function_python.py`.
    """
    sys.path[:] = [*filter(_is_standard_library, sys.path), *runtime_packages]
    sys.executable = _pop_private("PYTHON")
    sys.prefix = sys.exec_prefix = os.path.dirname(os.path.dirname(sys.executable))


def _is_standard_library(path: str) -> bool:
    """Whether an entry of `sys.path` is the standard library's."""
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    own = os.path.dirname(os.__file__)
    return os.path.normpath(path) == own or os.path.basename(path) in ("lib-dynload", zipped)


class _UncachedLoader(SourceFileLoader):
    """
    Compiles watched code at each import, without `.pyc` files.

    Python compares a `.pyc` by size and whole seconds: after two saves in a second it may be stale.
    """

    roots: tuple[str, ...] = ()

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not self._is_watched(path):
            return super().get_code(fullname)
        return self.source_to_code(self.get_data(path), path)

    def _is_watched(self, path: str) -> bool:
        """Whether the service watches a file; it ignores hidden folders such as `.venv`."""
        relative = (path[len(root) :] for root in self.roots if path.startswith(root))
        return any(not rest.startswith(".") and f"{os.sep}." not in rest for rest in relative)


def _compile_watched(roots: list[str]) -> None:
    """Use `_UncachedLoader` for the watched folders."""
    _UncachedLoader.roots = tuple(root + os.sep for root in roots)
    parents = {os.path.dirname(root) for root in roots}
    finder = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (_UncachedLoader, SOURCE_SUFFIXES)
    )

    def hook(path: str) -> object:
        if path in parents or (path + os.sep).startswith(_UncachedLoader.roots):
            return finder(path)
        raise ImportError

    sys.path_hooks.insert(0, hook)  # type: ignore[arg-type]  # typeshed requires the finder's own type
    sys.path_importer_cache.clear()


def _load_sibling(name: str) -> ModuleType:
    """Load a module of this folder, without a name by which the function could import it."""
    loader = SourceFileLoader(name, os.path.join(os.path.dirname(__file__), f"{name}.py"))
    module = module_from_spec(ModuleSpec(name, loader))
    loader.exec_module(module)
    return module


class _DeferredRuntimeClient(ModuleType):
    """Stands in for `runtime_client` while awslambdaric is imported."""

    def __init__(self) -> None:
        super().__init__("runtime_client")
        self._user_agent = ""

    def install(self) -> None:
        """Become the module that `import runtime_client` returns."""
        sys.modules[self.__name__] = self

    def initialize_client(self, user_agent: str) -> None:
        """Store the User-Agent header that awslambdaric sets when it is imported."""
        self._user_agent = user_agent

    def replace(self, token: str) -> None:
        """Load the real module, and let it identify itself by the token."""
        del sys.modules[self.__name__]
        try:
            import runtime_client  # noqa: PLC0415  # only now is its address known
        except ImportError:  # AWS builds it for Linux only
            runtime_client = sys.modules[self.__name__] = _load_sibling(self.__name__)
        runtime_client.initialize_client(f"{self._user_agent} {token}")
        sys.modules["awslambdaric.lambda_runtime_client"].runtime_client = runtime_client  # type: ignore[attr-defined]


def _pop_private(name: str) -> str:
    """Return and remove a variable that the service has set for this process only."""
    return os.environ.pop(f"_LAMBDA_LIVE_{name}", "")


def _pop_private_paths(name: str) -> list[str]:
    paths: list[str] = json.loads(_pop_private(name) or "[]")
    return paths


def _set_function_pythonpath(environ: dict[str, str]) -> None:
    """Replace the service's PYTHONPATH by the function's, for programs that it starts."""
    os.environ.pop("PYTHONPATH", None)
    if path := environ["_LAMBDA_LIVE_PYTHONPATH"]:
        os.environ["PYTHONPATH"] = path


def _import_handler_loader() -> ModuleType:
    """Import `handler_loader`, and remove its name: all names are the function's."""
    sys.path.insert(0, __file__.rpartition(f"{os.sep}lambda_live{os.sep}")[0])
    from lambda_live.environments.runtime_process import handler_loader  # noqa: PLC0415

    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "lambda_live"]:
        del sys.modules[name]
    return handler_loader


def _create_loader(
    control: socket.socket, environ: dict[str, str], module: ModuleType
) -> "HandlerLoader":
    roots = _pop_private_paths("WATCHED_PATHS")
    package_dirs = _pop_private_paths("PACKAGE_DIRS")
    preload, is_started = _pop_private("PRELOAD"), bool(_pop_private("IS_STARTED"))
    _isolate(_pop_private_paths("RUNTIME_PACKAGES"))
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    source_dirs = _pop_private_paths("SOURCE_DIRS")
    python_path = [path for path in _pop_private("PYTHONPATH").split(":") if path]
    site_dirs = _pop_private_paths("SITE_DIRS")
    sys.path[:0] = [task_root, *source_dirs, *site_dirs, *python_path]
    _compile_watched(roots)
    channel = module.ControlChannel(control, is_started=is_started)
    channel.dump_stacks_on_signal()
    code = module.FunctionCode([task_root, *source_dirs, *roots], package_dirs)
    loader: HandlerLoader = module.HandlerLoader(
        channel, code, preload, environ, [task_root, *site_dirs]
    )
    return loader


def _serve_forks(descriptor: int) -> int:
    """Fork environments; return the control descriptor in each of them."""
    control = _load_sibling("zygote").serve(descriptor)
    sys.orig_argv[-2] = str(control)  # for a restart by `handler_loader`
    return int(control)


def main() -> None:
    """Run an environment, or a zygote and in each fork of it an environment."""
    control, handler = int(sys.argv[1]), sys.argv[2]
    _limit_open_files()
    is_zygote = bool(_pop_private("IS_ZYGOTE"))
    deferred_client = _DeferredRuntimeClient()
    deferred_client.install()
    from awslambdaric import bootstrap  # noqa: PLC0415  # reads variables when it is imported
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    handler_loader = _import_handler_loader()
    if is_zygote:
        control = _serve_forks(control)
    elif sys.platform.startswith("linux"):
        _load_sibling("zygote").load_subreaper()()  # the service kills all descendants
    environ = dict(os.environ)
    debug_socket, token = _pop_private("DEBUG_SOCKET"), _pop_private("CLIENT_TOKEN")
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(log := os.dup(1))
    deferred_client.replace(token)
    # AWS polls in a thread only to handle SIGTERM, which functions with extensions alone receive

    class Client(LambdaRuntimeClient):  # type: ignore[misc]  # awslambdaric has no types
        """Identifies the calls that do not use `runtime_client`, which are init errors, too."""

        def call_rapid(
            self,
            http_method: str,
            endpoint: str,
            expected_http_code: int,
            payload: object = None,
            headers: dict[str, str] | None = None,
        ) -> None:
            headers = {**(headers or {}), "User-Agent": f"aws-lambda-python {token}"}
            super().call_rapid(http_method, endpoint, expected_http_code, payload, headers)

    client = Client(os.environ["AWS_LAMBDA_RUNTIME_API"], use_thread_for_polling_next=False)
    loader = _create_loader(socket.socket(fileno=control), environ, handler_loader)
    loader.install(bootstrap, [1, 2, log])
    if debug_socket:
        _load_sibling("debugger").listen(int(debug_socket))
    _set_function_pythonpath(environ)
    sys.argv = ["/var/runtime/bootstrap.py"]
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main()
