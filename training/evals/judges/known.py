"""The judges under their names as checks."""
