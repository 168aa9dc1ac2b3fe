"""``python -m actupose``: the command line."""

from actupose.cli import entry

if __name__ == "__main__":
    entry()
