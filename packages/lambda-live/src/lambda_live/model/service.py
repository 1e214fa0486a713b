"""How the service itself runs, whatever functions it serves."""

from dataclasses import dataclass, field

from lambda_live.debugger.server import DebugServer


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """
    Times are in seconds; `queue` is how many requests of a function may wait.

    `debuggers` are where one attaches to each function, if one may: then nothing times out.
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
    debuggers: DebugServer | None = field(default=None, compare=False)
    replay: bool = False
    public_url: str = ""
    editor_root: str = ""
    pods: tuple[str, str] | None = None
    is_interactive: bool = False
    accept_command: str | None = None
    preload: bool = True

    @property
    def has_debugger(self) -> bool:
        """Whether a debugger may attach."""
        return self.debuggers is not None

    def is_debugging(self) -> bool:
        """Whether a debugger is attached now."""
        return self.debuggers is not None and self.debuggers.is_attached
