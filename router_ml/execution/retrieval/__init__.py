"""Looking things up: passages with ids, from the index that a decision planned."""
