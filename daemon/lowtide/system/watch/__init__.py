"""Events of a workspace's tree: hints of where to look again."""
