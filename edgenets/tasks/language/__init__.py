"""Models of text, which is read and written a token after the other.

spec         what models of text are
tokens       text as the numbers of tokens
sampling     the next token, drawn from a network's scores
recipe       what `edgenets train` needs to know
"""
