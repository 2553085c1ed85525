"""Variants of models, and what conversion and verification do differently for each.

family.py       the protocol, and the table by variant
steps.py        streaming (step) models
images.py       whole models of images
translation.py  encoder and decoder
"""
