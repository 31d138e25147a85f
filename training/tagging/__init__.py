"""The texts that the entity tagger learns from, and its training."""
