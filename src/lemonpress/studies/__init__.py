"""Studies: what a property of teachers, critics or students depends on, measured anew on any machine."""
