"""How Lowtide's default embedding model is made and judged; `python -m model.build` runs all of it. Never used at run
time."""
