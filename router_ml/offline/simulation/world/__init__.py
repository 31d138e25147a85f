"""What is true at a time, whoever routes: lanes, prices, qualities and troubles."""
