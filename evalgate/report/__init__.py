"""Renderers of a report: terminal, Markdown, HTML, CSV, pull request comment, annotations and commit status."""
