"""ERRORS: explanations of many images → where a model looks when it is wrong, and what drives its errors."""
