"""Speech recognition: from a network's scores to text, and what recipes say of it.

ctc          what was said, from scores, step by step
grammar      what may be said, and how likely it is
distance     how far what was found is from what was said
transcriber  utterances: where they end, and what is known of one that goes on
recipe       what `edgenets train` needs to know
"""
