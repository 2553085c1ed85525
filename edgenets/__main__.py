"""`python -m edgenets`: the same as `edgenets`."""

from edgenets.cli.main import main

if __name__ == "__main__":
    main()
