"""Is it right? Measured here: the generated module's gradients against derivatives that nobody derived."""
