"""The end of the service, as requests meet it."""


class StoppingError(Exception):
    """The service is about to end and takes no more requests."""
