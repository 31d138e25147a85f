"""What is looked for, and the words, shapes and check digits that it is known by."""
