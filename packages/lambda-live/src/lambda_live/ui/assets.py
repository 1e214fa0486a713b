"""The files of the page, as they are served."""

from importlib.resources import files

from lambda_live.http.asgi import Response

_CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

SECURITY_HEADERS = [
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-cache"),
]
"""What goes with each answer: the page fetches nothing from elsewhere, and nobody embeds it."""


class Assets:
    """Serves what is in `static/`, read once."""

    def __init__(self) -> None:
        folder = files("lambda_live.ui") / "static"
        self._files = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}

    def get(self, name: str) -> Response | None:
        """Return a file, if there is one of that name."""
        content = self._files.get(name)
        kind = _CONTENT_TYPES.get(name.rpartition(".")[2])
        if content is None or kind is None:
            return None
        return Response(200, content, [("Content-Type", kind), *SECURITY_HEADERS])
