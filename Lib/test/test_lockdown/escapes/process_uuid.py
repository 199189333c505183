"""A private function of uuid runs a program and returns what it prints.

Known from: smolagents' and others' lists of harmless modules, uuid among them
Effect: made
"""
import uuid

uuid._get_command_stdout("touch", "made")
