"""Who decides what an environment runs, and when it ends."""

from typing import TYPE_CHECKING, Protocol

from lambda_live.model.errors import ErrorFactory
from lambda_live.model.invocation import Invocation, Report, Result

if TYPE_CHECKING:
    from lambda_live.environments.environment import Environment


class EnvironmentListener(Protocol):
    """What an environment says of itself."""

    def on_initialized(self, environment: "Environment") -> None:
        """The handler is loaded."""

    def on_init_failed(self, environment: "Environment", error: ErrorFactory, place: str) -> bool:
        """
        The handler could not be loaded; `place` says where in the code, if that is known.

        Returns whether that is the answer to the invocation that waited for it, if one did.
        """

    def on_init_timeout(self, environment: "Environment") -> None:
        """The init took longer than it may."""

    def on_invocation_done(
        self, environment: "Environment", invocation: Invocation, result: Result, report: Report
    ) -> None:
        """The invocation has ended, well or badly; the environment may be ready for another."""

    def on_invocation_returned(self, invocation: Invocation) -> None:
        """The environment ended before it took the invocation, which nothing has seen yet."""

    def on_start_failed(self, why: str) -> None:
        """No process could be had."""

    def on_exit(self, environment: "Environment") -> None:
        """The process has ended."""
