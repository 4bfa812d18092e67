"""lime's helpers, under lime's names."""
