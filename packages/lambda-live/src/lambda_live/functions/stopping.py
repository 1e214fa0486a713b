"""The end of the service, as requests meet it."""


class ServiceStoppingError(Exception):
    """The service is about to end and takes no more requests."""
