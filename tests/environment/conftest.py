from support.fixtures import fork_server, service, start_module_service, start_service

__all__ = ["fork_server", "service", "start_module_service", "start_service"]
