"""
The HTTP request of a `.http` file, as editors' REST clients run it.

`scripts/checks/request.bash` reads the same form, for curl. Source:
https://www.jetbrains.com/help/idea/exploring-http-syntax.html
"""

import http.client
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

SUFFIX = ".http"
_NEXT = "###"
_NOT_YET = ("#", "//", "@")
_NO_BODY = ("> {%", "<> ")
"""What begins a line of an editor's own: a script, or a response that it has saved."""

_FIRST = re.compile(r"(?:(?P<method>[A-Z]+) )?(?P<target>\S+)(?: HTTP/\S*)?")
_HOST = re.compile(r"\A(?:\{\{[^}]*\}\}|[A-Za-z]+://[^/?]*)")
_LEFT_OUT = re.compile(r"host:.*localhost|content-length:", re.IGNORECASE)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_PATIENCE = 900.0
"""Seconds that an answer may take: the longest timeout of AWS's."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; header names as they were sent."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's values, with commas between, or None; `name` in lower case."""
        found = [value for each, value in self.headers if each.lower() == name]
        return ", ".join(found) if found else None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent; the target begins with the path, whichever host the file names."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def send(self, url: str, **own: str) -> HttpResponse:
        """
        Send it, with own headers, to the service at that URL, and return what it answers.

        Raises OSError if that fails, and ValueError for what no request can have.
        """
        address = urlsplit(url).netloc
        connection = http.client.HTTPConnection(address, timeout=_PATIENCE)
        named = {name.lower() for name, _ in self.headers}
        default = {"Host": address, "User-Agent": "lambda_live", "Accept": "*/*"} | own
        added = [(name, value) for name, value in default.items() if name.lower() not in named]
        try:
            target = quote(self.target, safe=_PRINTABLE)
            connection.putrequest(self.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in (*added, *self.headers):
                connection.putheader(name, value.encode())
            if self.body:
                connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body or None)
            answer = connection.getresponse()
            return HttpResponse(answer.status, answer.getheaders(), answer.read())
        except http.client.HTTPException as error:
            raise OSError(repr(error)) from error
        finally:
            connection.close()


def read_request(path: Path) -> HttpRequest:
    """Return a file's request. Raises OSError, and ValueError with what to mend."""
    return parse_request(path.read_text(encoding="utf-8"), path.parent)


def parse_request(text: str, folder: Path, within: Path | None = None) -> HttpRequest:
    """
    Return a text's request; a file that it names is looked for in the folder.

    Raises OSError, and ValueError with what to mend, also for a file that is not `within`.
    """
    lines = _lines(text)
    method, target = _first(lines)
    headers: list[tuple[str, str]] = []
    for line in lines:
        if not line.strip():
            break
        if line.lstrip().startswith(("?", "&")) and not headers:
            target += line.strip().partition(" HTTP/")[0]
        elif not _LEFT_OUT.match(line):
            headers.append(_header(line))
    return HttpRequest(method, target, headers, _body(lines, folder, within))


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of the one request that is in it."""
    begun = ended = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(_NEXT):
            ended = begun
        elif ended and line:
            message = "it has more than one request: give each a file of its own"
            raise ValueError(message)
        elif begun or (line and not line.startswith(_NOT_YET)):
            begun = True
            yield line


def _first(lines: Iterator[str]) -> tuple[str, str]:
    line = next(lines, None)
    match = None if line is None else _FIRST.fullmatch(line.strip())
    if match is None:
        message = f"its first line is like POST /path, and not: {line or 'nothing'}"
        raise ValueError(message)
    target = _HOST.sub("", match["target"])
    _refuse_variables(target)
    return match["method"] or "GET", target if target.startswith("/") else f"/{target}"


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        message = f"no header, which is like Name: value, nor an empty line before the body: {line}"
        raise ValueError(message)
    _refuse_variables(line)
    return name.strip(), value.strip()


def _refuse_variables(text: str) -> None:
    if "{{" in text:
        message = f"no variable can be filled in here: {text}"
        raise ValueError(message)


def _body(lines: Iterator[str], folder: Path, within: Path | None) -> bytes:
    kept = []
    for line in lines:
        if line.startswith(_NO_BODY):
            break
        kept.append(line)
    text = "\n".join(kept).rstrip("\n")
    if not text.startswith("< ") or "\n" in text:
        return text.encode()
    path = folder / text.removeprefix("< ")
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        message = f"{path} is no file of this project"
        raise ValueError(message)
    return path.read_bytes()
