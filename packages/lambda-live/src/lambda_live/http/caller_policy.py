"""
Who may change what a function's process executes.

Whoever sets `LD_PRELOAD`, `BASH_ENV` or `AWS_LAMBDA_EXEC_WRAPPER` of a function runs commands as
the developer. On AWS, IAM decides about that. Here the user who runs the service may, from the same
machine. Loopback alone proves nothing, because other users of the machine reach it, too. Linux
reports which user has the other end of a connection.

Sources: https://docs.kernel.org/networking/proc_net_tcp.html
https://man7.org/linux/man-pages/man8/ld.so.8.html (Environment)
https://docs.python.org/3/using/cmdline.html#environment-variables
"""

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambda_live.http.asgi import Scope
from lambda_live.http.aws_errors import raise_user_error

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_CLOSED = "0"
"""The inode of a connection that no process has any more: the kernel reports root as its user."""

_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9
_NOBODY = -1

_DECIDES_EXECUTION = re.compile(
    # the dynamic loader and the C library
    r"LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|MALLOC_.*|HOSTALIASES|RES_OPTIONS"
    # shells, and what they find
    r"|AWS_LAMBDA_EXEC_WRAPPER|BASH_.*|BASHOPTS|SHELLOPTS|ENV|IFS|PS[0-4]|PROMPT_COMMAND|CDPATH"
    r"|PATH|SHELL|HOME|TMPDIR|TEMP|TMP|XDG_.*"
    # interpreters and their debuggers
    r"|PYTHON.*|PYDEVD_.*|DEBUGPY_.*|COVERAGE_.*|COV_CORE_.*|NUMBA_.*|PERL.*|RUBY.*|NODE_.*|JAVA_.*"
    r"|JDK_.*|_JAVA_OPTIONS|CLASSPATH|LUA_.*|GEM_.*|BUNDLE_.*"
    # programs that libraries start, and libraries that they load
    r"|GIT_.*|SSH_.*|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|PIP_.*|UV_.*|VIRTUAL_ENV"
    r"|OPENSSL_.*|SSLKEYLOGFILE|GIO_.*|GTK_.*|QT_.*|MATPLOTLIBRC|MPLBACKEND|MPLCONFIGDIR"
    # AWS's SDKs run credential_process of their configuration
    r"|AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE|AWS_PROFILE|AWS_DATA_PATH|BOTO_CONFIG"
    # this service
    r"|_?LAMBDA_LIVE_.*",
    re.IGNORECASE,
)


OTHER_USER = "Only the user who runs lambda-live may change anything."
"""The message for a request that `is_of_other_user` rejects."""


def is_of_other_user(scope: Scope) -> bool:
    """Return whether another user of this machine, except root, sent a request."""
    return _uid_of_client(scope) not in (None, os.getuid(), 0)


def check_user(scope: Scope) -> None:
    """Raise ServiceError if another user of this machine sent a request."""
    if is_of_other_user(scope):
        raise_user_error("AccessDeniedException", OTHER_USER, 403)


def check_variables(scope: Scope, variables: Mapping[str, str], current: Mapping[str, str]) -> None:
    """
    Check that the sender of a request may set a function's variables.

    Raises:
        ServiceError: It came over the network and sets variables that decide what is executed.
    """
    if _uid_of_client(scope) in (os.getuid(), 0):
        return
    changed = (name for name, value in variables.items() if current.get(name) != value)
    if refused := sorted(name for name in changed if _DECIDES_EXECUTION.fullmatch(name)):
        message = (
            f"{', '.join(refused)} cannot be set over the network, because they decide what is"
            " executed. Set them in the template or in .env."
        )
        raise_user_error("AccessDeniedException", message, 403)


def _uid_of_client(scope: Scope) -> int | None:
    """
    Return the user at the other end of a loopback connection, or None if the system has no list.

    The user of a client that has closed its end is unknown: `_NOBODY`.
    """
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None:
        return None
    ends = _end(*client[:2]), _end(*server[:2])
    if not ipaddress.ip_address(ends[0][0]).is_loopback:
        return None
    users = {(local, remote): uid for local, remote, uid in _connections()}
    return users.get(ends, _NOBODY) if users else None


def _end(address: str, port: int) -> tuple[str, int]:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed), port


def _connections() -> Iterator[tuple[tuple[str, int], tuple[str, int], int]]:
    """Yield both ends of each connection that a process has, and the user of the first one."""
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # not Linux
            continue
        for row in rows:
            fields = row.split()
            if fields[_INODE] != _CLOSED:
                yield _parse(fields[_LOCAL]), _parse(fields[_REMOTE]), int(fields[_UID])


def _parse(end: str) -> tuple[str, int]:
    """Parse an address, whose 32-bit words are in the machine's byte order, and a port."""
    address, _, port = end.partition(":")
    words = (int(address[at : at + 8], 16) for at in range(0, len(address), 8))
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    family = socket.AF_INET6 if len(packed) > 4 else socket.AF_INET  # noqa: PLR2004  # bytes of an IPv4 address
    return _end(socket.inet_ntop(family, packed), int(port, 16))
