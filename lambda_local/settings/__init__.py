"""What a person can set: of AWS's account, of the function, of the service that runs it."""
