"""Attributes of the prompt on the current span of OpenTelemetry, if the application has loaded it."""

from __future__ import annotations

import sys


def set_attributes(name: str, version: str, variant: str) -> None:
    """Set the prompt's attributes on the current span. Do nothing without OpenTelemetry, and never raise.

    `gen_ai.prompt.name` and `gen_ai.prompt.version` are those of the semantic conventions for generative AI, 0.1.0.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return
    try:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        span.set_attribute("prompt.name", name)
        span.set_attribute("prompt.version", version)
        span.set_attribute("prompt.variant", variant)
        span.set_attribute("gen_ai.prompt.name", name)
        span.set_attribute("gen_ai.prompt.version", version)
    except Exception:
        # an error of tracing must not fail a request; the module may also be half imported by another thread
        return
