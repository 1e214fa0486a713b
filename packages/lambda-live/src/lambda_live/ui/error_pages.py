"""Error pages for browsers that call a function URL or an API."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from lambda_live.http.asgi import Response, Scope, header
from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.history import History
from lambda_live.ui.links import EditorLinks
from lambda_live.ui.rows import InvocationRow

_STYLE = """
:root { color-scheme: light dark; --line: #ddd; --raised: #f7f7f5; --dim: #6b6a66; --bad: #c4281c;
  --error-line: #fdeeec; --link: #2563b8; font: 15px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --line: #34332f; --raised: #21211e; --dim: #9d9b94;
  --bad: #ff7b6e; --error-line: #3a1f1c; --link: #7fb0f5; background: #181816; color: #ebeae5; } }
body { max-width: 52rem; margin: 12vh auto; padding: 0 1.25rem; }
p { color: var(--dim); } h1 { font-size: 1.3rem; color: var(--bad); overflow-wrap: anywhere; }
a { color: var(--link); } code, pre { font: 13px/1.6 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; padding: .5rem 0; overflow-x: auto; background: var(--raised);
  border: 1px solid var(--line); border-radius: 8px; }
pre span { display: block; padding: 0 1rem; min-width: max-content; }
pre .error-line { background: var(--error-line); box-shadow: inset 3px 0 var(--bad); }
pre i { font-style: normal; color: var(--dim); display: inline-block; width: 3.5ch;
  text-align: right; margin-right: 1rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_MAX_TITLE_LENGTH = 80
_MAX_RESPONSE_BYTES = 2000


class BrowserErrorPages:
    """
    Replaces AWS's error responses by a page with the error, for browsers only.

    AWS answers a failed function with "Internal Server Error" and no reason. Browsers are
    recognised by their `Accept` header; other clients get AWS's bytes. `page_url` is the URL of
    the page with all invocations, to which the error page links.
    """

    def __init__(self, history: History, editor: EditorLinks, page_url: str) -> None:
        self._history = history
        self._editor = editor
        self._page_url = page_url

    def for_browser(
        self, response: Response, scope: Scope, request_id: str, reason: str
    ) -> Response:
        """
        Return the page, or `response` for other clients.

        `reason` says what is wrong with the function's result if the function raised no error.
        """
        row = self._history.find_request(request_id)
        if row is None or "text/html" not in (header(scope, b"accept") or ""):
            return response
        text = "".join(self._render(row, reason, response.status))
        return Response(response.status, text.encode("utf-8", "replace"), list(_HEADERS))

    def _render(self, row: InvocationRow, reason: str, status: int) -> Iterator[str]:
        title = reason or f"{row.report.error_type}: {row.message}"
        yield '<!doctype html><html lang="en"><meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{escape(title[:_MAX_TITLE_LENGTH])}</title><style>{_STYLE}</style>"
        yield f"<h1>{escape(title)}</h1>"
        if row.location is not None:
            yield from self._render_source(row.location)
        elif reason:
            response = row.response.content[:_MAX_RESPONSE_BYTES].decode("utf-8", "replace")
            yield f"<pre><span>{escape(response)}</span></pre>"
        yield f"<p>Request ID <code>{row.request_id}</code> · "
        yield f'<a href="{self._page_url}/#{row.request_id}">Show event, log and timings</a></p>'
        yield f"<p>Only browsers get this page. Other clients get AWS's {status} response.</p>"
        yield "</html>\n"

    def _render_source(self, location: SourceLocation) -> Iterator[str]:
        path = escape(location.relative_to(self._editor.project))
        yield f'<p><a href="{escape(self._editor.link(location))}"><code>{path}</code></a></p>'
        if location.lines:
            yield "<pre>"
            for number, line in enumerate(location.lines, location.first_line):
                marked = ' class="error-line"' if number == location.line else ""
                yield f"<span{marked}><i>{number}</i>{escape(line)}</span>"
            yield "</pre>"
