"""Verification: is an artifact the model? A gate that no broken one passes.

judge.py            the one judge: what an artifact gives, held against its model and the gate
comparison.py       numerical comparison: errors, relative RMS error, drift of a stream
verdicts.py         what it finds: checks, verdicts, the report
sources.py          a model in its own library as the judge's reference; trained ones: `families`
mixed_precision.py  the fewest layers that have to stay float for an artifact to pass
subjects.py         … what that search needs of each kind of artifact
report.py           the page; report_appendix.py, appendix.py: what is beside the gate
card.py             the model card
"""
