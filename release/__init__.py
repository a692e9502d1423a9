"""How a release is built and checked; nothing here publishes anything."""
