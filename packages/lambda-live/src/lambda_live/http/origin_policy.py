"""
Which requests come from a web page that has no business here.

Loopback keeps no page away: a browser sends what any site's page tells it to, from this machine.
A site's own name may lead to 127.0.0.1 as well (DNS rebinding; CVE-2025-24010 of vite, and
CVE-2025-30359 and CVE-2025-30360 of webpack-dev-server). curl, SDKs and probes send no header that
is looked at but Host.

Source: https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header
"""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from lambda_live.http.asgi import App, Receive, Scope, Send, header, send
from lambda_live.http.aws_errors import ServiceError, raise_user_error

_INTERNAL_SUFFIXES = (".localhost", ".svc", ".cluster.local", ".internal")
"""No site has such a name; Kubernetes and Docker give them."""

_MAX_CACHED_NAMES = 256


class OriginPolicy:
    """
    Knows this service by its names.

    Those that nobody could know are the `hosts`; one that begins with a dot is all names below.
    """

    def __init__(self, hosts: tuple[str, ...] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts if not host.startswith("."))
        self._domains = tuple(host.lower() for host in hosts if host.startswith("."))
        self._allows = lru_cache(_MAX_CACHED_NAMES)(self._is_own)  # most requests say the same one

    def check_host(self, scope: Scope) -> None:
        """Let in what is addressed to one of the names. Raises ServiceError."""
        hosts = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
        if len(hosts) > 1:
            raise_user_error(400, "ValidationException", "A request has one Host header.")
        name = _name(hosts[0]) if hosts else "localhost"
        if not self._allows(name):
            message = (
                f"{name!r} is not a name of this service. If it is one of yours, start it with "
                f"--allowed-hosts {name} (or LAMBDA_LIVE_ALLOWED_HOSTS)."
            )
            raise_user_error(403, "AccessDeniedException", message)

    def foreign_origin(self, scope: Scope) -> str | None:
        """Return the origin of the page that sends this, unless it is one of this machine's."""
        if _follows_link(scope):
            return None
        origin = _origin(scope)
        if origin is None:
            cross_site = header(scope, b"sec-fetch-site") == "cross-site"
            return "another site" if cross_site else None
        scheme, authority = _split(origin)
        if scheme in ("http", "https") and authority:
            name = _name(authority)
            if authority == (header(scope, b"host") or "").lower() or self._is_local(name):
                return None
        return origin

    def _is_own(self, name: str) -> bool:
        address = _address(name)
        if address is not None:
            return not address.is_unspecified
        # no public domain is without a dot
        return self._is_local(name) or "." not in name or name.endswith(_INTERNAL_SUFFIXES)

    def _is_local(self, name: str) -> bool:
        address = _address(name)
        if address is not None:
            return address.is_loopback
        own = name == "localhost" or name.endswith(".localhost")
        return own or name in self._hosts or name.endswith(self._domains)


class OriginMiddleware:
    """An ASGI application: the one behind it, for everyone but other sites' pages."""

    def __init__(self, app: App, trust: OriginPolicy) -> None:
        self._app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        try:
            self._trust.check_host(scope)
            if (stranger := self._trust.foreign_origin(scope)) is not None:
                raise_foreign_origin(stranger)
        except ServiceError as error:
            await send(error.response(), send_message)
        else:
            await self._app(scope, receive, send_message)


def raise_foreign_origin(origin: str) -> None:
    """Raise ServiceError for a page of that origin."""
    raise_user_error(403, "AccessDeniedException", f"A page of {origin} may not ask this.")


def _origin(scope: Scope) -> str | None:
    """Return what Origin says; without one, as in a GET, what Referer says."""
    origin = header(scope, b"origin")
    referer = header(scope, b"referer")
    if origin is not None or not referer:
        return origin
    return "{}://{}".format(*_split(referer))


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()


def _name(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].removesuffix(".").lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _follows_link(scope: Scope) -> bool:
    """Whether a person goes from a page to this one: as with a cookie that is `SameSite=Lax`."""
    return (
        scope["method"] == "GET"
        and header(scope, b"sec-fetch-mode") == "navigate"
        and header(scope, b"sec-fetch-dest") == "document"
    )
