"""Where a decision is replayed from, and why it comes out otherwise."""
