"""What a service keeps beside its log: keys, a board of its processes, what waits for a person."""
