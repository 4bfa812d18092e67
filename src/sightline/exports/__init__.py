"""A study with all that was found of it → files and formats of other tools."""
