"""Trainer defaults, run folders, callbacks and the Lightning command line."""
