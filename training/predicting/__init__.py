"""Quality and cost of lanes, fitted to outcomes, and what may be promised of them."""
