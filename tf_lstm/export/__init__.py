"""Exports: a trained network for programs that do not have this package."""
