"""What can be seen of a gateway from outside: series, logs, whether it is ready."""
