"""Reader of tables by pandas (Parquet, Excel, a DataFrame) that returns numbered rows of plain values."""

from __future__ import annotations

import io
import math
import posixpath
import sys
import warnings
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from evalgate.errors import Fault, InputError, Place
from evalgate.inputs.formats.nodes import refuse

if TYPE_CHECKING:
    import pandas as pd

_EXTRA = 'install it with: pip install "prompt-evalgate[tables]"'

NumberedRows: TypeAlias = Mapping[int, Mapping[Hashable, Any]]


def parse_parquet(data: bytes, path: str) -> NumberedRows:
    """Return the rows of a Parquet file, numbered from 1.

    Raises InputError if the file is not Parquet, or if pyarrow is missing.
    """

    def read(file: io.BytesIO) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(file, engine="pyarrow")

    return list_rows(_read(data, path, read), path)


def parse_excel(data: bytes, path: str) -> NumberedRows:
    """Return the rows of the first sheet, by the row numbers of the spreadsheet.

    The first row that is not empty has the names of the columns. An empty cell, an error and a formula without a
    computed value are None. Raises InputError if the file is not .xlsx, if openpyxl is missing, or if the name of a
    column is missing or a duplicate.
    """

    def read(file: io.BytesIO) -> pd.DataFrame:
        import pandas as pd

        # with its defaults, pandas renames duplicate columns and reads texts such as "NA" as empty cells
        return pd.read_excel(file, engine="openpyxl", header=None, dtype=object, keep_default_na=False)

    rows = {number: list(row.values()) for number, row in list_rows(_read(data, path, read), path).items()}
    filled = {number: row for number, row in rows.items() if any(value not in (None, "") for value in row)}
    if not filled:
        raise refuse("is empty: a row with the names of the columns was expected", path)
    header = min(filled)
    names = _require_names(["" if name is None else str(name).strip() for name in filled.pop(header)], path, header)
    return {
        number: dict(zip(names, (None if value == "" else value for value in row), strict=True))
        for number, row in filled.items()
    }


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Return whether a value is a DataFrame. Does not import pandas: without it, no value is a DataFrame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def list_rows(frame: pd.DataFrame, path: str) -> NumberedRows:
    """Return the rows of a frame, numbered from 1, with None for missing values. An index with a name is a column.

    Raises InputError if the name of a column is missing or a duplicate.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    names = _require_names([str(name).strip() for name in frame.columns], path, 0)
    plain = frame.astype(object).where(frame.notna(), None).set_axis(names, axis="columns")
    return dict(enumerate(plain.to_dict("records"), start=1))


def simplify(value: Any) -> Any:
    """Return a value of numpy or pandas as plain data; None for a missing value.

    Whole floats become integers, because pandas stores integer columns with missing values as floats.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return None
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def _read(data: bytes, path: str, read: Callable[[io.BytesIO], pd.DataFrame]) -> pd.DataFrame:
    kind = posixpath.splitext(path)[1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about styles and other things that are not read
            return read(io.BytesIO(data))
    except ImportError as error:
        package = "openpyxl" if "openpyxl" in str(error) else "pyarrow"
        raise refuse(f'{package} is needed to read "{kind}"', path, hint=_EXTRA) from None
    except Exception as error:  # the readers raise errors of zip, XML and Arrow, and many other types
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise refuse(f'cannot be read as "{kind}": {reason}', path) from None


def _require_names(names: list[str], path: str, line: int) -> list[str]:
    faults = [
        Fault(
            message=f'the column "{name}" appears twice' if name else "a column without a name",
            place=Place(path=path, line=line),
        )
        for index, name in enumerate(names)
        if not name or name in names[:index]
    ]
    if faults:
        raise InputError(faults=faults)
    return names
