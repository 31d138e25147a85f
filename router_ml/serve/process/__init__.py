"""How a gateway runs: its workers, their end, rules that follow their file, what is looked after beside requests."""
