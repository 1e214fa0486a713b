"""
Sending events with curl, as a person would.

One curl process sends many events, one after the other, which saves a process and a connection for
each. `EventSender` starts another process for the rest if an event takes long.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

from lambda_live.checks.comparison import parse_json
from lambda_live.checks.event_files import ResourceEvent, expected_file, text_of
from lambda_live.checks.function_response import parse_response
from lambda_live.checks.http_file import SUFFIX, HttpRequest, HttpResponse, escape, read_request
from lambda_live.model.text_files import EncodingError, decode, encoding_of

FUNCTIONS_PATH = "/2015-03-31/functions"
STATE_PATH = f"{FUNCTIONS_PATH}/.lambda-live"
"""Not a valid function name, so no path of AWS's API is equal to this one."""

EMULATOR_FUNCTIONS = ("function",)
"""The only name that AWS's emulator accepts. It does not report its functions."""

DEFAULT_TENANT = "tenant"
"""The tenant id of events for a function with tenant isolation."""

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
    request = request_of(target, event)
    lines = [
        *("silent", "show-error", "globoff", "path-as-is"),
        "connect-timeout = 5",
        r'write-out = "%{stderr}%{time_total}\n"',
        _option("output", str(output)),
        _option("dump-header", str(headers_file(output.parent, int(output.name)))),
        _header("X-Lambda-Live-Source", target.source),
        _header("X-Lambda-Live-Event", escape(event.name)),
        "head" if request.method == "HEAD" else _option("request", request.method),
        *(_header(name, value) for name, value in request.headers),
        _option("url", target.url + request.encoded_target),
    ]
    if request.body:
        body = output.with_suffix(".body")
        body.write_bytes(request.body)
        lines.append(_option("data-binary", f"@{body}"))
        if not any(name.lower() == "content-type" for name, _ in request.headers):
            lines.append(_option("header", "Content-Type:"))  # without curl's default
    return lines


def request_of(target: Target, event: Path, function: str = "") -> HttpRequest:
    """Return the request that sends an event to a function. Raises InvalidEventError."""
    function = function or target.function_of(event)
    resource = ResourceEvent.parse(event)
    try:
        if resource is not None:
            headers = [("Content-Type", "application/octet-stream")]
            path = _delivery_path(target, event, resource)
            return HttpRequest("POST", path, headers, event.read_bytes())
        if event.suffix != SUFFIX:
            return invocation_request(target, function, _read_event(event))
        request = read_request(event)
    except FileNotFoundError as error:
        message = f"{event}: no such file: {error.filename}"
        raise InvalidEventError(message) from error
    except EncodingError as error:
        raise InvalidEventError(str(EncodingError(error.line, event))) from error
    except (OSError, ValueError) as error:
        message = f"{event}: {error}"
        raise InvalidEventError(message) from error
    headers = [("X-Lambda-Live-Log", "Tail"), *request.headers]
    if len(target.functions) > 1:
        headers.insert(0, ("Host", f"{function}.localhost:{target.url.rpartition(':')[2]}"))
    return replace(request, headers=headers)


def invocation_request(target: Target, function: str, payload: bytes) -> HttpRequest:
    """Return the request of AWS's Lambda API that invokes a function."""
    headers = [("Content-Type", "application/json"), ("X-Amz-Log-Type", "Tail")]
    if tenant := target.tenants.get(function):
        headers.append(("X-Amz-Tenant-Id", tenant))
    return HttpRequest("POST", f"{FUNCTIONS_PATH}/{function}/invocations", headers, payload)


def _read_event(event: Path) -> bytes:
    """Return a JSON event as UTF-8. Raises OSError, EncodingError."""
    content = event.read_bytes()
    return content if encoding_of(content) == "utf-8" else decode(content).encode()


def _delivery_path(target: Target, event: Path, resource: ResourceEvent) -> str:
    """Return the path that has the service send a message, an item or an object."""
    query = {
        "folder": resource.folder,
        "resource": resource.resource,
        "key": resource.key,
        "functions": ",".join(target.expected_functions(event)),
    }
    return f"{STATE_PATH}/deliveries?{urlencode(query)}"


def _header(name: str, value: str) -> str:
    return _option("header", f"{name}: {value}" if value else f"{name};")


def _option(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for character, code in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        escaped = escaped.replace(character, code)
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
