"""What came of it: sums, intervals, the queue of people, tables, files."""
