"""What runs inside an execution environment's process, and imports nothing of the service."""
