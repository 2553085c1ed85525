"""Models that translate: an encoder reads a sentence, a decoder writes it in another language.

spec         what such a model is
pieces       text as sub-words, by sentencepiece
pairs        sentences and their translations on disk
search       the likeliest translation, greedily or by a beam
bleu         how near translations come to those of people
recipe       what `edgenets train` needs to know
"""
