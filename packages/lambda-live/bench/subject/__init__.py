"""The measured function. It logs with structlog, like `lambda_app`."""
