"""evalgate: the merge gate for prompts.

The folder listing is the data flow:

    entry points   cli/   action/                              print, exit, read the environment
                     |
    use cases      commands/                                   one file per verb
                     |
    pipeline       gate/                                       options -> plans -> engine -> evaluate -> report
                     |
    stages         inputs/ change/ -> plan/ -> execute/ -> score/ -> decide/ -> report/
                   read    what       pure     awaits      pure      pure       pure
                           changed
    shared         store/                                      everything below .evalgate/
    outside        services/                                   git, GitHub
    base           domain/   errors.py                         imported by all, import nothing else

tests/test_architecture.py keeps the import table, and which file owns which outside package.
"""

__version__ = "0.1.0"
