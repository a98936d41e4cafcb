"""The rollout of a version: what is decided from the rows of its stages, and the documents that follow. Pure."""
