"""All figures, plotted with matplotlib; no display is needed."""
