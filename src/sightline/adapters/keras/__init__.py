"""Keras models on any backend."""
