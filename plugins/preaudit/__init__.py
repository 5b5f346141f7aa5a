"""preaudit finds what the auditor will find, before the auditor does.

PYTEST_DONT_REWRITE
"""

__version__ = "0.1.0"
