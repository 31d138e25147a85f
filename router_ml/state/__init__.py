"""What a running router remembers from request to request, and what the processes of one log tell one another."""
