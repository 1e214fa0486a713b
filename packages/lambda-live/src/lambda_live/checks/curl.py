"""
Sending events with curl, as a person would.

One curl process sends many events, one after the other, which saves a process and a connection for
each. `EventSender` starts another process for the rest if an event takes long.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from lambda_live.checks.comparison import parse_json
from lambda_live.checks.event_files import ResourceEvent, expected_file, text_of
from lambda_live.checks.function_response import parse_response
from lambda_live.checks.http_file import (
    SUFFIX,
    HttpRequest,
    HttpResponse,
    escape_controls,
    read_request,
)
from lambda_live.model.text_files import EncodingError, encoding_of, read_file

FUNCTIONS_PATH = "/2015-03-31/functions"
STATE_PATH = f"{FUNCTIONS_PATH}/.lambda-live"
"""Not a valid function name, so no path of AWS's API is equal to this one."""

EMULATOR_FUNCTIONS = ("function",)
"""The only name that AWS's emulator accepts. It does not report its functions."""

UNREACHABLE = (6, 7)
"""Exit statuses of curl: the host is unknown, or the connection was refused."""


class InvalidEventError(Exception):
    """An event file cannot be sent. The message names the file and what to fix."""


class SendError(Exception):
    """The service did not respond. The message is for the user."""


@dataclass(frozen=True, slots=True)
class Target:
    """
    The service to which events are sent, and the names of its functions.

    `tenants` has the tenant id for each function with tenant isolation.
    """

    url: str
    source: str
    functions: Sequence[str]
    tenants: Mapping[str, str] = field(default_factory=dict)

    def functions_of(self, event: Path) -> list[str]:
        """
        Return the functions of an event. Raises InvalidEventError.

        It is the one named like the event's folder, or the only one. For a message, an item or an
        object, they are those whose results are expected, or all.
        """
        if ResourceEvent.parse(event) is None:
            return [self.function_of(event)]
        return self.expected_functions(event) or list(self.functions)

    def expected_functions(self, event: Path) -> list[str]:
        """Return the functions whose results are expected after a message, an item or an object."""
        expected = parse_json(text_of(expected_file(event)) or "")
        names = expected if isinstance(expected, dict) else ()
        return [name for name in self.functions if name in names]

    def function_of(self, event: Path) -> str:
        """Return the first function of an event. Raises InvalidEventError."""
        if ResourceEvent.parse(event) is not None:
            return self.functions_of(event)[0]
        folder = event.parent.name
        if folder in self.functions:
            return folder
        if len(self.functions) == 1:
            return self.functions[0]
        folders = " ".join(f"events/{name}/" for name in self.functions)
        message = f"cannot tell which function {event} is for. Move it into one of: {folders}"
        raise InvalidEventError(message)


def config_of(target: Target, events: Iterable[Path], folder: Path) -> str:
    """
    Return a curl configuration that sends events one after the other.

    Event N's response is written to FOLDER/N, and its headers to `headers_file(FOLDER, N)`. After
    each response, its round trip in seconds is written to curl's standard error.
    Raises InvalidEventError.
    """
    transfers = [
        "\n".join(_transfer(target, event, folder / str(number)))
        for number, event in enumerate(events, 1)
    ]
    return "fail-early\n" + "\nnext\n".join(transfers) + "\n"


def headers_file(folder: Path, number: int) -> Path:
    """Return where curl writes the headers of a response. It creates the file before it sends."""
    return folder / f"{number}.headers"


def response_of(folder: Path, number: int) -> HttpResponse:
    """Return a response that curl received."""
    headers = headers_file(folder, number).read_bytes().decode("utf-8", "replace")
    return parse_response(headers, (folder / str(number)).read_bytes())


def _transfer(target: Target, event: Path, output: Path) -> list[str]:
    output.touch()  # curl creates no file for an empty response
    function = target.function_of(event)
    lines = [
        *("silent", "show-error", "globoff"),
        "connect-timeout = 5",
        r'write-out = "%{stderr}%{time_total}\n"',
        _option("output", str(output)),
        _option("dump-header", str(headers_file(output.parent, int(output.name)))),
        _header("X-Lambda-Live-Source", target.source),
        _header("X-Lambda-Live-Event", escape_controls(event.name)),
    ]
    if (resource := ResourceEvent.parse(event)) is not None:
        return [
            *lines,
            _header("Content-Type", "application/octet-stream"),
            _option("data-binary", f"@{event}"),
            _option("url", target.url + delivery_path(target, event, resource)),
        ]
    if event.suffix == SUFFIX:
        return lines + _http_request(target, event, function, output)
    if tenant := target.tenants.get(function):
        lines.append(_header("X-Amz-Tenant-Id", tenant))
    return [
        *lines,
        _header("Content-Type", "application/json"),
        _header("X-Amz-Log-Type", "Tail"),
        _option("data-binary", f"@{_utf8_file(event, output)}"),
        _option("url", f"{target.url}{FUNCTIONS_PATH}/{function}/invocations"),
    ]


def _utf8_file(event: Path, output: Path) -> Path:
    """Return a file with the event as UTF-8: a copy if it is UTF-16 or has a byte order mark."""
    try:
        with event.open("rb") as file:
            encoding = encoding_of(file.read(4))
        if encoding == "utf-8":
            return event
        copy = output.with_suffix(".event")
        copy.write_text(read_file(event), encoding="utf-8")
    except EncodingError as error:
        raise InvalidEventError(str(error)) from None
    except OSError:
        return event  # curl reports it
    return copy


def delivery_path(target: Target, event: Path, resource: ResourceEvent) -> str:
    """Return the path that has the service send a message, an item or an object."""
    query = {
        "folder": resource.folder,
        "resource": resource.resource,
        "key": resource.key,
        "functions": ",".join(target.expected_functions(event)),
    }
    return f"{STATE_PATH}/deliveries?{urlencode(query)}"


def request_of(event: Path) -> HttpRequest:
    """Return the request of a `.http` file. Raises InvalidEventError."""
    try:
        return read_request(event)
    except FileNotFoundError as error:
        message = f"{event}: no such file: {error.filename}"
        raise InvalidEventError(message) from error
    except (OSError, ValueError) as error:
        message = f"{event}: {error}"
        raise InvalidEventError(message) from error


def _http_request(target: Target, event: Path, function: str, output: Path) -> list[str]:
    request = request_of(event)
    lines = [
        "path-as-is",
        _header("X-Lambda-Live-Log", "Tail"),
        "head" if request.method == "HEAD" else _option("request", request.method),
        *(_header(name, value) for name, value in request.headers),
        _option("url", target.url + request.encoded_target),
    ]
    if len(target.functions) > 1:
        lines.append(_header("Host", f"{function}.localhost:{target.url.rpartition(':')[2]}"))
    if request.body:
        body = output.with_suffix(".body")
        body.write_bytes(request.body)
        lines.append(_option("data-binary", f"@{body}"))
        if not any(name.lower() == "content-type" for name, _ in request.headers):
            lines.append(_option("header", "Content-Type:"))  # without curl's default
    return lines


def _header(name: str, value: str) -> str:
    return _option("header", f"{name}: {value}" if value else f"{name};")


def _option(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        escaped = escaped.replace(character, escape)
    return f'{name} = "{escaped}"'


def unreachable(url: str) -> SendError:
    """Return the error of a service that does not respond. A script of the repository has make."""
    command = "make up" if "LAMBDA_LIVE_PROGRAM" in os.environ else "lambda-live"
    return SendError(f"nothing answers at {url}. Start the function with: {command}")


class StateReader:
    """Reads the state of one service with curl, and sums up how long that took."""

    def __init__(self, url: str, source: str, folder: Path) -> None:
        """`source` names the program in the service's log. `folder` is for temporary files."""
        self._url = url
        self._source = source
        self._folder = folder
        self.seconds = 0.0

    def read(self, query: str = "") -> str | None:
        """Return what the service says about its functions; None if it does not say. SendError."""
        output, config = self._folder / "state", self._folder / "curl"
        output.unlink(missing_ok=True)
        url = f"{self._url}{STATE_PATH}" + (f"?{query}" if query else "")
        lines = [
            *("silent", "globoff", "connect-timeout = 5", "max-time = 10"),
            r'write-out = "%{http_code} %{time_total}\n"',
            _header("X-Lambda-Live-Source", self._source),
            _option("output", str(output)),
            _option("url", url),
        ]
        config.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
        done = subprocess.run(curl_command(config), capture_output=True, text=True, check=False)  # noqa: S603  # a configuration of its own
        if done.returncode in UNREACHABLE:
            raise unreachable(self._url)
        code, _, seconds = done.stdout.partition(" ")
        self.seconds += float(seconds or 0)
        is_known = code == "200" and output.exists()
        return output.read_text(encoding="utf-8") if is_known else None


def curl_command(config: Path) -> list[str]:
    """Return the command that runs curl with a configuration file."""
    return ["curl", "--config", str(config)]
