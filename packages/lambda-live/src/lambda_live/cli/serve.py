"""`lambda-live [serve] [HANDLER]`: run the functions until Ctrl-C or SIGTERM."""

import errno
import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from lambda_live.cli.command_line import parse
from lambda_live.cli.parser import fail, log
from lambda_live.debugger.server import HOST
from lambda_live.dependencies.installation import install
from lambda_live.model.requirements import InstallError
from lambda_live.model.resources import SEED_FOLDER
from lambda_live.model.template_error import TemplateError
from lambda_live.project.config import Config
from lambda_live.project.function_dependencies import find_dependencies
from lambda_live.service import Service

if TYPE_CHECKING:
    from lambda_live.resources.emulator import Emulator


_POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
"""https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""

_OPEN_FILES = 1024
"""Linux's default. An environment needs four, a request one."""

_POD_WAIT_SECONDS = 60.0
"""How long a pod waits for the emulator: after a restart of the cluster they start together."""


def _listen(host: str, port: int, hint: str, project: Path) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            from lambda_live.cli.port_owner import explain_used_port  # noqa: PLC0415  # rarely needed

            fail(f"{explain_used_port(host, port, project)}; stop it, or {hint}")
        why = str(error) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        fail(f"cannot listen on {host}:{port}: {why}; {hint}")


def _install_packages(config: Config) -> None:
    """
    Install the functions' requirements; exit with status 1 if that fails for every function.

    The service tries again for those that failed, and serves them with the packages that they have.
    """
    failed = 0
    for function in config.functions:
        try:
            for requirements in find_dependencies(function).missing():
                install(requirements, log)
        except InstallError as error:
            log(str(error))
            failed += 1
    if failed == len(config.functions):
        sys.exit(1)


def _listen_for_debuggers(config: Config) -> dict[str, socket.socket]:
    """Return a socket for each function: the first has the port, each further one the next."""
    first = config.service.debug_port
    if first is None:
        return {}
    return {
        function.name: _listen(
            HOST, first and first + index, "choose others with --debug-port", function.project
        )
        for index, function in enumerate(config.functions)
    }


def _start_emulator(config: Config) -> "Emulator | None":
    """
    Start the emulator of AWS's services if it is needed; exit with status 1 on failure.

    Schedules and custom resources need none.
    """
    seeds = config.stored.wanted and (config.functions[0].project / SEED_FOLDER).is_dir()
    has_values = config.stored.wanted and (seeds or config.aws_endpoint_url)
    has_resources = config.resources or config.always_emulates
    if not has_resources and not config.event_sources and not has_values:
        return None
    is_pod = _POD_VARIABLE in os.environ and config.service.public_url
    if is_pod and not config.aws_endpoint_url:  # each pod would have an emulator of its own
        log("no AWS resources in the cluster: use `tilt up -- --aws`, or set AWS_ENDPOINT_URL")
        return None
    from lambda_live.resources.emulator import Emulator  # noqa: PLC0415  # other projects need none

    if config.aws_endpoint_url:
        return Emulator.connect(config.aws_endpoint_url, _POD_WAIT_SECONDS if is_pod else 0)
    if (
        not has_resources
        and not seeds
        and all(
            each.kind in ("Schedule", "CustomResource") and not each.target.startswith("arn:")
            for each in config.event_sources
        )
    ):
        return Emulator("")
    first = config.functions[0]
    try:
        return Emulator.start(first.project, first.account, log, persists=config.persists)
    except (InstallError, OSError) as error:
        log(f"{error}\nlambda-live: run it without the template's resources: --no-resources")
        sys.exit(1)


def _with_stored_values(config: Config, emulator: "Emulator") -> Config:
    """Return the configuration with the values of parameters, secrets and exports."""
    from lambda_live.resources.aws import AwsClients  # noqa: PLC0415  # as above
    from lambda_live.resources.stored_values import prepare_values  # noqa: PLC0415  # as above

    first = config.functions[0]
    seed = first.project / SEED_FOLDER if emulator.is_new else None
    aws = AwsClients(emulator.url, first.account)
    try:
        if emulator.is_reachable() and prepare_values(aws, config.stored, config.resources, seed):
            return config.reload()
    except TemplateError as error:
        log(str(error))
    finally:
        aws.close()
    return config


async def _serve(
    config: Config, sockets: tuple[socket.socket, socket.socket], emulator: "Emulator | None"
) -> None:
    await Service(config, *sockets, _listen_for_debuggers(config), emulator).run()


def _reserve_standard_descriptors() -> None:
    """
    Open /dev/null for each closed standard descriptor.

    Otherwise a socket gets the number of a closed descriptor, and the log is written to it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  # as os has it


def _raise_limit_of_open_files() -> None:
    """Allow the service as many as on Linux: macOS allows 256, too few for many environments."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _OPEN_FILES:  # -1 is no limit
        allowed = _OPEN_FILES if hard < 0 else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < _OPEN_FILES:
            log(f"only {allowed} open files are allowed: connections may be reset; see ulimit -n")


def main(arguments: Sequence[str]) -> None:
    """Run the service; exit with status 2 if it cannot start."""
    _reserve_standard_descriptors()
    _raise_limit_of_open_files()
    config = parse(arguments, os.environ, Path.cwd())
    _install_packages(config)
    settings, project = config.service, config.functions[0].project
    front = _listen(settings.host, settings.port, "choose another with --port", project)
    hint = "choose another with --admin-port"
    admin = _listen(settings.admin_host, settings.admin_port, hint, project)
    emulator = _start_emulator(config)
    if emulator is not None and config.stored.wanted and emulator.url:
        config = _with_stored_values(config, emulator)
    uvloop.run(_serve(config, (front, admin), emulator))
