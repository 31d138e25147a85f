"""Names and addresses found by the tagger, as findings."""
