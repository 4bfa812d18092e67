"""How models are trained again."""
