"""What is kept: bundles of learned parts, registered versions, and the event log."""
