"""Files of other tools to cases, criteria and configuration. No code of a foreign file is run."""
