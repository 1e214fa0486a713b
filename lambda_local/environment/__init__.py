"""One execution environment: its process and the Runtime API that the process speaks."""
