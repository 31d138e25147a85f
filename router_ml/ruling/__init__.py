"""What the hard rules say of a request, and of a decision that was logged."""
