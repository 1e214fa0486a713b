"""`python -m lambda_live [HANDLER]`."""

import os
import socket
import sys
from pathlib import Path

# `python -m` puts the function's directory first: its modules are not the service's.
sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd())]  # noqa: PTH109  # as sys.path has it

import uvloop  # noqa: E402  # after the line above

from lambda_live.cli.command_line import parse  # noqa: E402
from lambda_live.debugger.server import HOST  # noqa: E402
from lambda_live.dependencies.packages import install  # noqa: E402
from lambda_live.model.requirements import InstallError  # noqa: E402
from lambda_live.project.config import Config  # noqa: E402
from lambda_live.project.function_dependencies import find_dependencies  # noqa: E402
from lambda_live.service import build_service  # noqa: E402


def _listen(host: str, port: int, otherwise: str) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        why = str(error) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        message = f"cannot listen on {host}:{port}: {why}; {otherwise}"
        _say(message)
        sys.exit(2)


def _say(text: str) -> None:
    sys.stderr.write(f"lambda_live: {text}\n")


def _install_packages(given: Config) -> None:
    """Install what the functions of a template need; exit with 1 if that fails."""
    for function in given.functions:
        try:
            for requirements in find_dependencies(function).missing():
                install(requirements, _say)
        except InstallError as error:
            _say(str(error))
            sys.exit(1)


def _listen_for_debuggers(config: Config) -> dict[str, socket.socket]:
    """Return a socket for each function: the first has the port, each further one the next."""
    first = config.service.debug_port
    if first is None:
        return {}
    return {
        function.name: _listen(HOST, first and first + index, "choose others with --debug-port")
        for index, function in enumerate(config.functions)
    }


async def _serve(config: Config, sockets: tuple[socket.socket, socket.socket]) -> None:
    await build_service(config, *sockets, _listen_for_debuggers(config)).run()


def _hold_standard_descriptors() -> None:
    """Let no socket have the number of one that was closed: the log would go there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  # as os has it


def main() -> None:
    """Run until SIGTERM or Ctrl-C; exit with 0, or with 2 when it can't start."""
    _hold_standard_descriptors()
    given = parse(sys.argv[1:], os.environ, Path.cwd())
    _install_packages(given)
    front = _listen(given.service.host, given.service.port, "choose another with --port")
    admin = _listen(
        given.service.admin_host, given.service.admin_port, "choose another with --admin-port"
    )
    uvloop.run(_serve(given, (front, admin)))


if __name__ == "__main__":
    main()
