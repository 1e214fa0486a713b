"""The function's port: the Invoke API below its path, the function URL on every other."""

from lambda_local.door.function_url import FunctionUrl
from lambda_local.door.http import DisconnectedError, Receive, Scope, Send, header, send
from lambda_local.door.invoke_api import PATH, InvokeApi
from lambda_local.function.pool import Pool

_CODE = "X-Lambda-Local-Code-Sha256"
_AWAITED = b"x-lambda-local-await-code-sha256"
_PATIENCE = 2.0
"""Seconds that a request waits for the code which it names; then the code that is there answers."""


class FrontDoor:
    """An ASGI application; every answer says which code it is from."""

    def __init__(self, invoke_api: InvokeApi, function_url: FunctionUrl, pool: Pool) -> None:
        self._invoke_api = invoke_api
        self._function_url = function_url
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        if awaited := header(scope, _AWAITED):
            await self._pool.await_code(awaited, _PATIENCE)
        door = self._invoke_api if scope["path"].startswith(PATH) else self._function_url
        try:
            response = await door(scope, receive)
        except DisconnectedError:
            return
        if not any(name == _CODE for name, _ in response.headers):
            response.headers.append((_CODE, self._pool.generation.code_sha256))
        await send(response, send_message)
