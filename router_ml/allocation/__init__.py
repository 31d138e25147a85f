"""Which lane, at which price: what is believed of every lane, and the one function that chooses among them."""
