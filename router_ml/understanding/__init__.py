"""What is asked: encoder, surface features, classifier, language."""
