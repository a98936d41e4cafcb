"""Tests of what an import has to tell."""

from __future__ import annotations

from evalgate.errors import Place
from evalgate.inputs.importers.import_remarks import Remarks


def test_a_remark_stands_once_with_its_place() -> None:
    remarks = Remarks()
    for _ in range(2):
        remarks.leave_out("the assertion x", Place(path="a.yaml", line=3, column=5))
    remarks.change("y")
    remarks.ask("z")
    assert [list(map(str, each)) for each in (remarks.left_out, remarks.changed, remarks.open)] == [
        ["a.yaml:3:5: the assertion x"],
        ["y"],
        ["z"],
    ]
