"""Runs: the folders of trainings, their settings, and their results."""
