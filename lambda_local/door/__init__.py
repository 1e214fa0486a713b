"""The door: HTTP, as AWS's Invoke API and function URL speak it."""
