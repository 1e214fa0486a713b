"""Find out which program has a port that the service needs."""

import http.client
import json
from contextlib import suppress
from pathlib import Path

import psutil

from lambda_live.checks.curl import STATE_PATH

_TIMEOUT_SECONDS = 1.0


def explain_used_port(host: str, port: int, project: Path) -> str:
    """Return a sentence that names the program that has a port: another service, or its PID."""
    owner = _listener(port)
    served = _served_project(host, port)
    if served == str(project.absolute()):
        return f"this project is already running, at http://{host}:{port}, as {owner}"
    if served is not None:
        owner = f"the lambda-live of {served}, {owner}"
    return f"port {port} is in use by {owner}"


def _listener(port: int) -> str:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN and each.laddr.port == port:
                    return f"{process.name()} (PID {process.pid})"
    return "a program of another user"


def _served_project(host: str, port: int) -> str | None:
    """Return the folder of the project that a lambda-live on a port serves, if there is one."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    with suppress(OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        try:
            connection.request("GET", STATE_PATH)
            return str(json.load(connection.getresponse())["functions"][0]["project"])
        finally:
            connection.close()
    return None
