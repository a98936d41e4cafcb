"""evalgate: the merge gate for prompts.

The folder listing is the data flow:

    doors      cli/  action.py                                 print, exit, environment
                 |
    corridor   gate.py                                         the pipeline on one page
                 workspace.py   where the inputs lie           answering.py    who answers
                 evaluate.py    look by look, until it is clear        shelf.py        results out of the memory
                 conclude.py    evidence and verdict           verdicts.py     one verdict for each content
                 shards.py      parts of a run merged
                 criteria.py    checks and judges, digested    baselines.py    the samples changes meet
                 outlook.py     what a run could decide        selfcheck.py    the rule tried on equal versions
                 calibration.py judges against people          after_merge.py  pin a release, sample the baseline
                 before_push.py what can be told of a push     drift.py       one version, then and now
                 options.py     what a door asks for           gathering.py   all faults at once
                 at_github/     what a pull request tells, and is told
                 |
    rooms      inputs/ -> plan/ -> execute/ -> score/ -> decide/ -> report/
               read       pure     awaits      pure      pure       pure
                 |
    outside    services/                                       git, GitHub, artifacts
    ground     domain/   errors.py                             imported by all, import nothing

Who may import whom, and which file owns which outside package, is kept by tests/test_architecture.py.
"""

__version__ = "0.1.0"
