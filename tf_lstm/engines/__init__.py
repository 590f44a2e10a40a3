"""Engines: other ways to compute the same network, faster or on several devices.

The main path does not depend on them. An engine replaces a layer or wraps a function; `build` makes
a model with a given engine.
"""
