"""The whole story of one id, for whoever asks."""
