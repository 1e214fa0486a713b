"""How the service itself runs, whatever functions it serves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """
    Times are in seconds; `queue` is how many requests of a function may wait.

    `debug_port` is the first function's debugger port, 0 for any; with one, nothing times out.
    `terminal` is whether standard output is for a person, and `accept` a shell command that makes
    what the function answers now what is expected of it. `pods` is the namespace, and kubectl's
    context, of the pods of which this is one, if there are several.
    """

    host: str = "127.0.0.1"
    port: int = 3001
    admin_host: str = "127.0.0.1"
    admin_port: int = 9101
    allowed_hosts: tuple[str, ...] = ()
    max_queued_requests: int = 1000
    queue_timeout: float = 30.0
    shutdown_timeout: float = 20.0
    reload_command: str | None = None
    debug_port: int | None = None
    replay: bool = False
    public_url: str = ""
    editor_root: str = ""
    pods: tuple[str, str] | None = None
    is_interactive: bool = False
    accept_command: str | None = None
    preload: bool = True
