"""What reads a request: heads of the classifier, their calibration and measures, and how the encoder is made small."""
