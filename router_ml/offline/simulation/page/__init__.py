"""The report as one page of HTML, and its drawings."""
