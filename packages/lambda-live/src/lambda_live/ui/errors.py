"""What the page asks and does not get."""


class ApiError(Exception):
    """A request that can't be granted: the HTTP status, and why, to a person."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
