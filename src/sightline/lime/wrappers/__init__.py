"""lime's wrappers, under lime's names."""
