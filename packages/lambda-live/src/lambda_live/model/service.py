"""Settings of the service that apply to all functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UnverifiedCaller:
    """
    The caller of routes whose authorizer is not verified.

    `claims` are used for claims that a request's token lacks, and for requests without a token.
    `user_arn` is the IAM user or role, or empty for a user of the function's account.
    """

    claims: Mapping[str, object] = field(default_factory=dict)
    user_arn: str = ""

    def arn_in(self, account_id: str) -> str:
        """Return the ARN, by default of a user of that account."""
        return self.user_arn or f"arn:aws:iam::{account_id}:user/local"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """
    Settings from the command line and the environment. Times are in seconds.

    - `max_queued_requests` is per function.
    - `debug_port` is the debugger port of the first function, 0 for any free port. With a debugger,
      nothing times out.
    - `is_interactive` is whether standard output is a terminal for a person.
    - `reload_command` is the shell command that runs after each reload, such as the checks.
    - `accept_command` is the shell command that saves the current responses as expected.
    - `pods` is the namespace and kubectl context of the pods that this service is one of.
    - `editor` is the template of the URLs that open a file in the editor.
    - `history` is whether the page's history is stored on disk.
    - `preload` is whether the warm standby imports third-party modules of the function.
    """

    host: str = "127.0.0.1"
    port: int = 3001
    admin_host: str = "127.0.0.1"
    admin_port: int = 9101
    allowed_hosts: tuple[str, ...] = ()
    caller: UnverifiedCaller = UnverifiedCaller()
    max_queued_requests: int = 1000
    queue_timeout: float = 30.0
    shutdown_timeout: float = 20.0
    reload_command: str | None = None
    debug_port: int | None = None
    replay: bool = False
    public_url: str = ""
    editor_root: str = ""
    editor: str = ""
    pods: tuple[str, str] | None = None
    is_interactive: bool = False
    accept_command: str | None = None
    preload: bool = True
    history: bool = True
