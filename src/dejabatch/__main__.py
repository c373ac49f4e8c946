"""Run the command line by ``python -m dejabatch``."""

import sys

from dejabatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
