"""What a workspace's tree holds: the walk, and git's rules."""
