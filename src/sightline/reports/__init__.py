"""study + what was found of it → one value, and the faces that draw it: a page, Markdown, JSON."""
