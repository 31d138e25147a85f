"""What waits in files of this machine until the database has it."""
