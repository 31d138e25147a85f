"""What every lane is worth and costs on every request, as far as it is known."""
