"""The steps between a log and a challenger."""
