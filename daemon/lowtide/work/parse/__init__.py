"""Texts to definitions and chunks."""
