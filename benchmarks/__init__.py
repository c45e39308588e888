"""Speed measured side by side with peers, on the machine at hand."""
