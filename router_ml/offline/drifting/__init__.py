"""Windows, statistics and pages of a drift report."""
