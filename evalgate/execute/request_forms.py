"""The form in which each endpoint and model accepts requests: as known from earlier runs, and learned in this one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from evalgate.domain import Request
from evalgate.domain.adaptations import adapt, add_adaptations, find_effective
from evalgate.errors import ServiceError
from evalgate.store.known_adaptations import EndpointModel, load_adaptations, save_adaptations

MOST_ADAPTATIONS = 12
"""The adaptations of one endpoint and model; an endpoint that refuses still more is not adapted to."""

_Shape: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any] | None, tuple[Any, ...]]
_MOST_SHAPES = 32


class FormChangedError(ServiceError):
    """An endpoint refuses a form of requests in which earlier answers were given, so these cannot be compared.

    The accepted form is known now: the same work can be done again in it.
    """


class RequestForms:
    """The adaptations by endpoint and model, and which forms of requests were answered.

    `path` is the file that keeps them for later runs; None: they are not kept. What was learned is written after the
    first answer to an adapted request, so that a misread refusal is not kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[EndpointModel, tuple[str, ...]] = {} if path is None else load_adaptations(path)
        self._at_start = dict(self._known)
        self._answered: dict[EndpointModel, list[_Shape]] = {}
        self._unsaved: set[EndpointModel] = set()

    @property
    def known(self) -> Mapping[EndpointModel, tuple[str, ...]]:
        return self._known

    def adapt(self, request: Request) -> Request:
        """Return a request in the form that its endpoint and model accept, as far as it is known."""
        if not self._known:
            return request
        known = self._known.get(_get_key(request))
        return request if known is None else adapt(request, known)

    def learn(self, sent: Request, adaptations: Sequence[str]) -> None:
        """Add the adaptations without which an endpoint refused a request that was sent in this form.

        Raise FormChangedError if the endpoint has answered requests in a form that it refuses now: answers in two forms
        must not be compared.
        """
        key = _get_key(sent)
        known = self._known.get(key, ())
        new = [each for each in adaptations if each not in known]
        if not new or len(known) + len(new) > MOST_ADAPTATIONS:
            return
        self._known[key] = add_adaptations(known, new)
        self._unsaved.add(key)
        if any(find_effective(new, *shape) for shape in self._answered.get(key, ())):
            self._save()
            raise _explain_change(sent)

    def on_answer(self, sent: Request) -> None:
        """Record that a request was answered in this form."""
        key = _get_key(sent)
        shape = (sent.parameters, sent.response_format, sent.tools)
        shapes = self._answered.setdefault(key, [])
        if shape not in shapes and len(shapes) < _MOST_SHAPES:
            shapes.append(shape)
        if self._unsaved:
            self._save()

    def on_stored_answer(self, request: Request) -> None:
        """Record that a request was answered in an earlier run, in the form that was known at the start of this one.

        Raise FormChangedError if that is not the accepted form any more.
        """
        before = adapt(request, self._at_start.get(_get_key(request), ()))
        if before != self.adapt(request):
            raise _explain_change(request)
        self.on_answer(before)

    def _save(self) -> None:
        saving, self._unsaved = self._unsaved, set()
        if self._path is not None:
            with contextlib.suppress(OSError):  # the next run learns them again
                save_adaptations(self._path, {key: self._known[key] for key in saving})


def _get_key(request: Request) -> EndpointModel:
    return request.identity, request.model or ""


def _explain_change(request: Request) -> FormChangedError:
    model = request.model or "its model"
    return FormChangedError(
        f'target "{request.target}" refuses a form of requests to {model} in which earlier answers were given: answers '
        "in two forms are not compared",
        hint="run the same command again: all requests are made in the form that is accepted now",
    )
