"""Plain kinds of text: all of a file is body."""
