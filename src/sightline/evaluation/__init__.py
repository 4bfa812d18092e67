"""EVALUATION: how often a model is right, whether explanations are faithful, methods side by side."""
