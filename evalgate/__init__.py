"""evalgate: the merge gate for prompts.

The folder listing is the data flow:

    doors      cli/                                            print, exit, environment
                 |
    corridor   gate.py                                         the pipeline on one page
               answering.py  evaluate.py  conclude.py  verdicts.py   who answers; look by look; the verdict; kept
               selfcheck.py  calibration.py                    the rule tried on equal versions, judges on labels
                 |
    rooms      inputs/ -> plan/ -> execute/ -> score/ -> decide/ -> report/
               read       pure     awaits      pure      pure       pure
                 |
    outside    services/                                       git
    ground     domain/   errors.py                             imported by all, import nothing

Who may import whom, and which file owns which outside package, is kept by tests/test_architecture.py.
"""

__version__ = "0.1.0"
