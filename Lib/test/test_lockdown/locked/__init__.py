"""CPython's own tests, run in locked processes: what each of them then is in want of.

    make test-locked                       all files; MODULES="test_json ..." for some

worker.py runs the tests of one file and classifies each method, __main__.py runs the workers and
tells the sums, tables.py reads files.tsv (which files are not run, and why) and explained.tsv (why
a method fails though no right is refused), and report.py writes the page of the manual.
"""
