"""What a person does at the terminal, done to the functions."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from lambda_live.background import BackgroundTasks
from lambda_live.checks.http_file import read_request
from lambda_live.checks.reload_command import ReloadCommand
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model.invocation import Invocation
from lambda_live.model.service import ServiceSettings
from lambda_live.terminal.menu import Event, events_of
from lambda_live.terminal.terminal import Terminal

_SOURCE = "terminal"


class Hands:
    """Runs the checks, accepts what is answered, invokes events."""

    def __init__(
        self,
        terminal: Terminal,
        functions: FunctionRegistry,
        after_reload: ReloadCommand,
        settings: ServiceSettings,
        url: str,
    ) -> None:
        self._terminal = terminal
        self._functions = functions
        self._url = url
        self._after_reload = after_reload
        self._accepting = ReloadCommand(settings.accept_command, url, self._accepted)
        self._background = BackgroundTasks(self._failed)
        self.check: Callable[[], None] | None = self._check if settings.reload_command else None
        self.accept: Callable[[], None] | None = self._accept if settings.accept_command else None

    @property
    def _code(self) -> str:
        return self._functions.default.code_version.code_sha256

    def _check(self) -> None:
        self._terminal.checks_began()
        self._after_reload.run(self._code)

    def _accept(self) -> None:
        self._accepting.run(self._code)

    def _accepted(self, output: bytes, status: int) -> None:
        self._terminal.accepted(output, status)
        if status == 0 and self.check is not None:
            self.check()

    def events(self) -> Sequence[Event]:
        """Return the event files that are there now."""
        names = [each.configuration.name for each in self._functions]
        project: Path = self._functions.default.configuration.project
        return events_of(project, names)

    def invoke(self, event: Event) -> None:
        """Invoke it; its line says how it went."""
        self._background.spawn(self._invoke(event))

    async def _invoke(self, event: Event) -> None:
        try:
            if event.is_request:
                await asyncio.to_thread(self._send, event)
            else:
                function = self._functions.get(event.function) or self._functions.default
                payload = await asyncio.to_thread(event.payload)
                await function.invoke(Invocation(payload, label=event.path.name, client=_SOURCE))
        except (OSError, ValueError) as error:
            self._terminal.service_log(f"{event.name} is no event: {error}", "ERROR")
        except ThrottledError:
            self._terminal.service_log(f"{event.name} was throttled (429)", "ERROR")
        except ServiceStoppingError:
            return

    def _send(self, event: Event) -> None:
        """Send a request by the service's own door, which makes AWS's event of it."""
        own = {"X-Lambda-Live-Event": event.path.name, "X-Lambda-Live-Source": _SOURCE}
        own |= self._functions.host_headers(event.function, self._url)
        read_request(event.path).send(self._url, **own)

    def _failed(self, error: BaseException) -> None:
        self._terminal.service_log(f"internal error: {error!r}", "ERROR")

    async def stop(self) -> None:
        """End what is under way."""
        self._background.cancel()
        await self._accepting.stop()
