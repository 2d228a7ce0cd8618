#!/usr/bin/env python
"""The one door to every command: `up`, `create_site`, `import_comments`, `doctor`, and Django's own."""

import sys

from project.commandline import main

if __name__ == "__main__":
    main(sys.argv)
