"""One module for each model, as generated."""
