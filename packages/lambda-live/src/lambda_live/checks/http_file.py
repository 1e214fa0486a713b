"""
HTTP requests of `.http` files, as the REST clients of editors run them.

Source: https://www.jetbrains.com/help/idea/exploring-http-syntax.html
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lambda_live.model.text_files import read_file

if TYPE_CHECKING:
    from http.client import HTTPConnection

SUFFIX = ".http"
_SEPARATOR = "###"
_COMMENTS = ("#", "//", "@")
_AFTER_BODY = ("> {%", "<> ")
"""How lines of an editor's own start: a script, or a response that it saved."""

_REQUEST_LINE = re.compile(r"(?:(?P<method>[A-Z]+) )?(?P<target>\S+)(?: HTTP/\S*)?")
_HOST = re.compile(r"\A(?:\{\{[^}]*\}\}|[A-Za-z]+://[^/?]*)")
_SKIPPED_HEADERS = re.compile(r"host:.*localhost|content-length:", re.IGNORECASE)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_TIMEOUT_SECONDS = 900.0
"""The longest timeout of a Lambda function."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, with header names as they were sent."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; invalid UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """Return a header's values, joined by commas, or None. `name` is in lower case."""
        found = [value for each, value in self.headers if each.lower() == name]
        return ", ".join(found) if found else None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request. Its target starts with the path, whichever host the file names."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def encoded_target(self) -> str:
        """The target with each character percent-encoded that is not printable ASCII."""
        from urllib.parse import quote  # noqa: PLC0415  # `scripts/check` starts faster without it

        return quote(self.target, safe=_PRINTABLE)

    def send(self, url: str, **own_headers: str) -> HttpResponse:
        """
        Send the request to the service at a URL and return the response.

        `own_headers` are those that the request does not name; file names in them are escaped.
        Raises OSError if that fails, and ValueError if the request is not valid HTTP.
        """
        import http.client  # noqa: PLC0415  # `scripts/check` sends with curl and starts faster

        connection = connect(url, _TIMEOUT_SECONDS)
        named = {name.lower() for name, _ in self.headers}
        default = {
            "Host": url.partition("://")[2],
            "User-Agent": "lambda_live",
            "Accept": "*/*",
        } | {name: escape(value) for name, value in own_headers.items()}
        added = [(name, value) for name, value in default.items() if name.lower() not in named]
        try:
            connection.putrequest(
                self.method, self.encoded_target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in (*added, *self.headers):
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            if self.body:
                connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body or None)
            response = connection.getresponse()
            return HttpResponse(response.status, response.getheaders(), response.read())
        except http.client.HTTPException as error:
            message = f"no valid HTTP response from {url}: {error!r}"
            raise OSError(message) from error
        finally:
            connection.close()


def escape(name: str) -> str:
    """Return a file name as a header's value: control characters are percent-encoded."""
    return "".join(f"%{ord(c):02X}" if c < " " or c in "%\x7f" else c for c in name)


def connect(url: str, timeout: float) -> "HTTPConnection":
    """Return a connection to a service. It connects with the first request."""
    import http.client  # noqa: PLC0415  # as above

    scheme, _, address = url.partition("://")
    is_https = scheme == "https"
    kind = http.client.HTTPSConnection if is_https else http.client.HTTPConnection
    return kind(address, timeout=timeout)


def read_request(path: Path) -> HttpRequest:
    """Return the request of a file. Raises OSError, and ValueError that says what to fix."""
    _check_regular(path)
    return parse_request(read_file(path), path.parent)


def _check_regular(path: Path) -> None:
    """Raise ValueError for a named pipe and the like: reading it may wait without end."""
    if path.exists() and not path.is_file():
        _reject(f"{path} is not a regular file")


def parse_request(text: str, folder: Path, within: Path | None = None) -> HttpRequest:
    """
    Return the request of a text. A body file is relative to the folder.

    Raises OSError, and ValueError that says what to fix, also for a body file outside `within`.
    """
    lines = _lines(text)
    method, target = _request_line(lines)
    headers: list[tuple[str, str]] = []
    for line in lines:
        if not line.strip():
            break
        if line.lstrip().startswith(("?", "&")) and not headers:
            target += line.strip().partition(" HTTP/")[0]
        elif not _SKIPPED_HEADERS.match(line):
            headers.append(_header(line))
    return HttpRequest(method, target, headers, _body(lines, folder, within))


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of the only request in a text."""
    is_started = is_finished = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(_SEPARATOR):
            is_finished = is_started
        elif is_finished and line:
            _reject("more than one request. Put each into a file of its own")
        elif is_started or (line and not line.startswith(_COMMENTS)):
            is_started = True
            yield line


def _request_line(lines: Iterator[str]) -> tuple[str, str]:
    line = next(lines, None)
    if line is None:
        _reject("no request found. The first line must look like POST /path")
    match = _REQUEST_LINE.fullmatch(line.strip())
    if match is None:
        _reject(f"invalid request line {line!r}. It must look like POST /path")
    target = _HOST.sub("", match["target"])
    _reject_variables(target)
    return match["method"] or "GET", target if target.startswith("/") else f"/{target}"


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        _reject(f"invalid header {line!r}. Write Name: value, and an empty line before the body")
    _reject_variables(line)
    return name.strip(), value.strip()


def _reject(message: str) -> NoReturn:
    raise ValueError(message)


def _reject_variables(text: str) -> None:
    if "{{" in text:
        _reject(f"variables are not supported: {text}")


def _body(lines: Iterator[str], folder: Path, within: Path | None) -> bytes:
    body = []
    for line in lines:
        if line.startswith(_AFTER_BODY):
            break
        body.append(line)
    text = "\n".join(body).rstrip("\n")
    if not text.startswith("< ") or "\n" in text:
        return text.encode()
    path = folder / text.removeprefix("< ")
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        _reject(f"{path} is outside this project")
    _check_regular(path)
    return path.read_bytes()
