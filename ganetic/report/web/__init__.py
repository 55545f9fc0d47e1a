"""Reports: one HTML file that needs nothing else, for runs of any kind.

`ganetic.report.web.kinds` has a file for each kind of run, which registers itself; a chapter of the page is made of it.
"""
