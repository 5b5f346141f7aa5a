"""Everything that talks to the outside: it observes, and never judges."""
