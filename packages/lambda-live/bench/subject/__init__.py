"""The function that is measured: it logs by structlog, as the one of this repository does."""
