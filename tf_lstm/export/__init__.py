"""Export a trained network for use without this package."""
