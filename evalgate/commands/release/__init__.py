"""The verbs of `evalgate release`."""
