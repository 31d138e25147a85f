"""The parts of ``training.entities``: the texts that the entity tagger learns from, its training, its report."""
