"""evalgate: the merge gate for prompts.

The folder listing is the data flow:

    doors      cli/                                     print, exit, environment
                 |
    corridor   gate.py                                  the pipeline, on one page
                 |
    rooms      inputs/ -> plan/ -> execute/ -> score/ -> decide/ -> report/
               read       pure     awaits      pure      pure       pure
                 |
    outside    services/                                git
    ground     domain/   errors.py                      imported by all, import nothing
"""

__version__ = "0.1.0"
