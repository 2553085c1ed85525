"""Embedding: sound becomes a vector of unit length, near those of sounds that are like it.

spec            what such a model is, and its recipe
training        a classifier without its last layer: trained for it, or taken from a run folder
metric          how near two embeddings are, and whose label the nearest neighbor has
evaluation      nearest-neighbor accuracy over labeled clips, through the device's pipeline
pipeline        sound in, embeddings out
task            the protocol
"""
