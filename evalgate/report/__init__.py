"""A report in, text out: for a terminal, for Markdown, and as JSON, which also reads back."""
