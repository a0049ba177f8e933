"""Builds the images and tries them for real: ``make image-check``."""
