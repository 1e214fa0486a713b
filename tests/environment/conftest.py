from support.fixtures import forks, service, start_lambda, start_module_lambda

__all__ = ["forks", "service", "start_lambda", "start_module_lambda"]
