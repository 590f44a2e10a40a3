"""Runs: the folders of trainings and their settings; training and resuming."""
