"""inspect evaluates annotations that are text.

Known from: the manual's warning at inspect.get_annotations(eval_str=True)
Effect: made
"""
import inspect


def hinted(value: "__import__('os').system(': > made')"):
    pass


inspect.signature(hinted, eval_str=True)
