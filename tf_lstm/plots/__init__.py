"""Every figure, plotted with matplotlib and without a display."""
