"""What the user and a workspace configure: read and checked, and changed without losing a byte of the rest."""
