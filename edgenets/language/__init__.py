"""Language models: text, a token after the other.

sampling     the next token, drawn from a net's scores
"""
