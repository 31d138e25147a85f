"""What the processes of a service tell one another through the event log's database: money, calls, what is down.

Each process writes only what it did itself, and reads the sums of the others every second or so; nobody waits for it.
"""
