"""The results of verbs as text for the terminal, in Markdown or as JSON. The functions print nothing."""
