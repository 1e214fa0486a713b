"""`python -m lambda_local [HANDLER]`."""

import os
import socket
import sys
from pathlib import Path

# `python -m` puts the function's directory first: its modules are not the service's.
sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd())]  # noqa: PTH109  # as sys.path has it

from dataclasses import replace  # noqa: E402  # after the line above

import uvloop  # noqa: E402

from lambda_local.code.packages import install  # noqa: E402
from lambda_local.code.requirements import InstallError, declared  # noqa: E402
from lambda_local.server import LocalLambda  # noqa: E402
from lambda_local.settings.command_line import Given, parse  # noqa: E402


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        why = str(error) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        message = f"cannot listen on {host}:{port}: {why}; choose another with {option}"
        _say(message)
        sys.exit(2)


def _say(text: str) -> None:
    sys.stderr.write(f"lambda_local: {text}\n")


def _with_packages(given: Given) -> Given:
    """Install what the functions of a template need; exit with 1 if that fails."""
    functions = []
    for function in given.functions:
        try:
            own = declared(function.task_root, function.project) if function.isolated else None
            installed = () if own is None else (install(own, _say),)
        except InstallError as error:
            _say(str(error))
            sys.exit(1)
        functions.append(replace(function, packages=(*installed, *function.packages)))
    return replace(given, functions=tuple(functions))


async def _serve(given: Given, front: socket.socket, admin: socket.socket) -> None:
    await LocalLambda(given, front, admin).run()


def main() -> None:
    """Run until SIGTERM or Ctrl-C; exit with 0, or with 2 when it can't start."""
    given = _with_packages(parse(sys.argv[1:], os.environ, Path.cwd()))
    front = _listen(given.service.host, given.service.port, "--port")
    admin = _listen(given.service.admin_host, given.service.admin_port, "--admin-port")
    uvloop.run(_serve(given, front, admin))


if __name__ == "__main__":
    main()
