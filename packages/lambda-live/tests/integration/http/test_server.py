import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psutil
import pytest

from support.lambda_service import INVOKE, LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

MB = 2**20
WAITS_FOR_FILE = """
import pathlib, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("number", event.get("number"))
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    return calls
"""


def connect(service: LambdaService) -> socket.socket:
    parts = urllib.parse.urlsplit(service.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("path", [INVOKE, "/", "/2015-03-31/functions/unknown/invocations"])
def test_too_large_body_client_receives_the_error(service: LambdaService, path: str) -> None:
    too_large = urllib.request.Request(service.url + path, b"x" * 20 * MB)  # noqa: S310  # loopback

    with pytest.raises(urllib.error.HTTPError) as rejected:
        urllib.request.urlopen(too_large, timeout=30)  # noqa: S310
    with closing(rejected.value):
        assert rejected.value.code == (404 if "unknown" in path else 413)
        assert json.load(rejected.value)


def test_https_client_is_logged_once_with_what_to_do(service: LambdaService) -> None:
    port = urllib.parse.urlsplit(service.url).port
    for _ in range(3):
        with connect(service) as connection, pytest.raises(ssl.SSLError, match="WRONG_VERSION"):
            ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
    service.wait_for_line(f"a client sent HTTPS to port {port}; use http://")
    service.invoke()
    service.wait_for_line("START RequestId")  # after the lines of all three
    assert len([each for each in service.lines if "HTTP" in each]) == 1


def test_endless_body_closes_the_connection(service: LambdaService) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {2**40}"
    with connect(service) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(bytes(1000 * MB))


def test_endless_header_does_not_use_memory(service: LambdaService) -> None:
    process = psutil.Process(service.pid)
    before = process.memory_info().rss
    with connect(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        try:
            for _ in range(300):
                connection.sendall(b"x" * MB)
        except ConnectionError:
            pass  # the service has closed the connection
        else:
            assert read_all(connection).startswith(b"HTTP/1.1 431 ")

    assert process.memory_info().rss - before < 100 * MB
    assert service.run("reply = 1") == 1


def test_too_many_headers_return_431(service: LambdaService) -> None:
    with connect(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for number in range(200):
            connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))

        assert read_all(connection).startswith(b"HTTP/1.1 431 Request Header Fields Too Large")


def test_trailer_fields_are_not_headers(service: LambdaService) -> None:
    code = json.dumps({"code": "reply = context.client_context is None"}).encode()
    head = f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\nHost: evil.example\r\nX-Amz-Client-Context: e30=\r\n\r\n"
    with connect(service) as connection:
        connection.sendall(head.encode() + chunks % (len(code), code))
        with closing(http.client.HTTPResponse(connection)) as response:
            response.begin()

            assert (response.status, response.read()) == (200, b"true")


def test_queued_request_of_disconnected_client_is_dropped(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_FILE, "--concurrency=1", "--queue-timeout=900")
    go = service.project / "go"
    with ThreadPoolExecutor() as threads:
        running = threads.submit(service.invoke, {"number": 1})
        service.wait_for_line("number 1")
        for path in (INVOKE, "/"):
            with connect(service) as connection:
                connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
                connection.sendall(b"Content-Length: 2\r\n\r\n{}")
                wait_until(lambda: service.metric("lambda_queue_length") == 1)
            wait_until(lambda: service.metric("lambda_queue_length") == 0)
        go.touch()

        assert running.result().status == 200
    assert service.invoke({"number": 2}).body == b"2"


def test_upgrade_header_is_ignored(service: LambdaService) -> None:
    body = json.dumps({"code": "reply = 1"}).encode()
    head = (
        f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        f"Upgrade: h2c\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connect(service) as connection:
        connection.sendall(head.encode() + body)
        with closing(http.client.HTTPResponse(connection)) as response:
            response.begin()

            assert (response.status, response.read()) == (200, b"1")
    assert not [line for line in service.lines if "WebSocket" in line]
