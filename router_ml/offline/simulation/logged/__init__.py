"""A company's own log as traffic and truth, corrected for what it did not choose."""
