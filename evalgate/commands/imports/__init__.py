"""The verbs that import files of other tools."""
