"""Rasa components of the desk's own pipeline."""
