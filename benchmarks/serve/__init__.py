"""What serving over HTTP costs, and what it withstands."""
