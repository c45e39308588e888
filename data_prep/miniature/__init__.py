"""A small English-German corpus made from a grammar."""
