"""The studies of ``lemonpress study``, a module each: its options, and what it runs and writes."""
