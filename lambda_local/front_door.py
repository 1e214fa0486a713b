"""The function's port: the Invoke API below its path, the function URL on every other."""

from lambda_local.function_url import FunctionUrl
from lambda_local.http import DisconnectedError, Receive, Scope, Send, send
from lambda_local.invoke_api import PATH, InvokeApi
from lambda_local.pool import Pool

_CODE = "X-Lambda-Local-Code-Sha256"


class FrontDoor:
    """An ASGI application; every answer says which code it is from."""

    def __init__(self, invoke_api: InvokeApi, function_url: FunctionUrl, pool: Pool) -> None:
        self._invoke_api = invoke_api
        self._function_url = function_url
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        door = self._invoke_api if scope["path"].startswith(PATH) else self._function_url
        try:
            response = await door(scope, receive)
        except DisconnectedError:
            return
        if not any(name == _CODE for name, _ in response.headers):
            response.headers.append((_CODE, self._pool.generation.code_sha256))
        await send(response, send_message)
