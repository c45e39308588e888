"""Other translation toolkits, each run in a virtual environment of its own."""
