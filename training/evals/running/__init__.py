"""A run: its jobs, its workers, its budget, and the record from which it goes on."""
