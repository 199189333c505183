"""The memo of deepcopy() has addresses as keys.

Known from: the documented form of copy's memo
Effect: address
Given: target
"""
import copy

memo = {}
copy.deepcopy(target, memo)
answer = list(memo)
