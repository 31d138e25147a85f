"""What results say: shares with intervals, failures by name with alarms, comparisons, pages."""
