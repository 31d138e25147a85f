"""Requests of those who mean harm, and whether anything came of them."""
