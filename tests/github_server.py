"""A fake GitHub API on loopback: one repository with its state in memory, and a second port for artifact storage.

If GitHub's API description exists beside the repository (`../shared/github/openapi-subset.json`, or in the folder that
EVALGATE_SHARED names), every request and response is validated by it, and errors are added to `violations`. Endpoints
that the description lacks are added here and marked "by hand".

As a process: `python tests/github_server.py --state FILE.json --log FILE.jsonl` prints its URL, reads the state if the
file exists, and writes it after each change. `GET /_state` and `PUT /_state` read and replace the state.
"""

from __future__ import annotations

import argparse
import base64
import copy
import functools
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from github_bodies import START, Bodies, Json

HOST = "http://github.test"  # replaces this server's URL while a message is validated
WORKFLOW = "github-actions[bot]"
LONGEST_BODY = 65_536
LONGEST_TITLE = 256
FILES_LISTED = 3_000
Answer = tuple[int, Any]
EMPTY: Json = {
    "repository": "acme/prompts",
    "repository_id": 1,
    "token": None,  # the only valid token; None: any
    "login": None,  # the login in GET /user; None: 403, as for the token of a workflow
    "viewer": None,  # the login that GraphQL gives the token; None: it refuses
    "read_only": False,  # the token of a fork's pull request
    "actor": WORKFLOW,  # the author of everything written by the API
    "pulls": {},
    "issues": {},
    "comments": [],
    "statuses": [],
    "people": {},  # login -> {"permission", "role_name"}
    "emails": {},  # e-mail address -> login, for accounts that GitHub knows
    "teams": {},  # "org/team" -> {login: "active" | "pending"}
    "branches": {},  # name -> sha; for other branches the base of the pull requests is used
    "merge_bases": {},  # sha of a head -> sha; for other heads the commit that they are compared with
    "runs": {},  # id -> {"artifacts": [{"id", "name", "size", "expired", "data": base64}]}
    "faults": [],  # see `fault`
}


def description_path() -> Path:
    shared = os.environ.get("EVALGATE_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(shared) / "github" / "openapi-subset.json"


@functools.cache
def description(path: Path) -> Any:
    """Load GitHub's API description; None if it does not exist."""
    if not path.is_file():
        return None
    from openapi_core import OpenAPI

    document = json.loads(path.read_text(encoding="utf-8"))
    document["servers"] = [{"url": HOST}]
    document["components"]["schemas"]["empty-object"]["nullable"] = (
        True  # by hand: the format of a commit without a GitHub account
    )
    document["paths"]["/repos/{owner}/{repo}/statuses/{sha}"]["get"] = _statuses_of(document)
    return OpenAPI.from_dict(document)


def _statuses_of(document: Any) -> Json:
    """Describe, by hand, the list of a commit's statuses: paged as other lists, with rows as in the POST response."""
    named = {"name": "sha", "in": "path", "required": True, "schema": {"type": "string"}}
    references = [{"$ref": f"#/components/parameters/{name}"} for name in ("owner", "repo", "per-page", "page")]
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/status"}}
    assert "status" in document["components"]["schemas"]
    shown = {"description": "", "content": {"application/json": {"schema": rows}}}
    return {"parameters": [*references, named], "responses": {"200": shown}}


class RefusalError(Exception):
    """An error response."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"message": message, "documentation_url": "https://docs.github.com/rest", **more}


class GitHubServer:
    """The server. `requests` has the received requests in order with the response status, `blob_requests` the storage's."""

    def __init__(
        self,
        state: Json | None = None,
        *,
        port: int = 0,
        state_file: Path | None = None,
        log_file: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.state: Json = copy.deepcopy(EMPTY) | copy.deepcopy(state or {})
        self.requests: list[Json] = []
        self.blob_requests: list[Json] = []
        self.violations: list[str] = []
        self.checked = 0
        self.clock = clock
        self._state_file = state_file
        self._log_file = log_file
        self._lock = threading.RLock()
        self._description = description(description_path())
        self._servers = [_listen(self, handler, port if handler is _Api else 0) for handler in (_Api, _Storage)]
        self.bodies = Bodies(self.url)
        self.save()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def storage_url(self) -> str:
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    @property
    def describes(self) -> bool:
        """True if messages are validated by GitHub's API description."""
        return self._description is not None

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # State

    def now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def add_pull(
        self,
        number: int = 7,
        *,
        head: str = "a" * 40,
        base: str = "b" * 40,
        ref: str = "change",
        author: str = "ann",
        fork: tuple[str, int] | None = None,
        **more: Any,
    ) -> Json:
        """Add a pull request; `fork` is the full name and the id of its source repository, if that is another one."""
        home = {"repository": self.state["repository"], "repository_id": self.state["repository_id"]}
        there = {"repository": fork[0], "repository_id": fork[1]} if fork else home
        facts = {
            "number": number,
            "state": "open",
            "title": "A change",
            "body": "",
            "author": author,
            "draft": False,
            "head": {"sha": head, "ref": ref, **there},
            "base": {"sha": base, "ref": "main", **home},
            "labels": [],
            "reviews": [],
            "events": [],
            "commits": [{"sha": head, "author": author, "committer": author}],
            "files": [],  # the paths that it changes
            "merged_as": [],  # the commits of its base that brought it there
            "overwritten": [],  # the commits before each force push; None: GitHub no longer knows them
            **more,
        }
        with self._lock:
            self.state["pulls"][str(number)] = facts
            self.save()
        return facts

    def force_push(self, number: int, head: str) -> None:
        """Replace all commits of the pull request by one."""
        with self._lock:
            pull = self.state["pulls"][str(number)]
            pull["overwritten"].append(pull["commits"])
            pull["commits"] = [{"sha": head, "author": pull["author"], "committer": pull["author"]}]
            pull["head"]["sha"] = head
            self.save()

    def add_comment(self, number: int, body: str, *, author: str | None = WORKFLOW, at: str | None = None) -> Json:
        with self._lock:
            times = dict.fromkeys(("created_at", "updated_at"), at or self.now())
            id = 1 + max((each["id"] for each in self.state["comments"]), default=1000)
            facts = {"id": id, "number": number, "author": author, "body": body, **times}
            self.state["comments"].append(facts)
            self.save()
            return facts

    def add_review(self, number: int, author: str, state: str, *, commit: str | None = None, at: str = "") -> Json:
        with self._lock:
            pull = self.state["pulls"][str(number)]
            facts = {"id": 1 + len(pull["reviews"]), "author": author, "state": state, "body": ""}
            facts |= {"commit": commit or pull["head"]["sha"], "submitted_at": at or self.now()}
            pull["reviews"].append(facts)
            self.save()
            return facts

    def add_label(self, number: int, label: str, *, actor: str, added: bool = True, at: str = "") -> None:
        with self._lock:
            pull = self.state["pulls"][str(number)]
            event = "labeled" if added else "unlabeled"
            pull["events"].append({"event": event, "label": label, "actor": actor, "created_at": at or self.now()})
            pull["labels"] = [each for each in pull["labels"] if each != label] + ([label] if added else [])
            self.save()

    def add_person(self, login: str, permission: str, role_name: str | None = None) -> None:
        self.state["people"][login] = {"permission": permission, "role_name": role_name or permission}
        self.save()

    def add_artifact(self, run: int, id: int, name: str, data: bytes, *, expired: bool = False) -> None:
        artifacts = self.state["runs"].setdefault(str(run), {"artifacts": []})["artifacts"]
        artifacts.append({"id": id, "name": name, "size": len(data), "expired": expired})
        artifacts[-1]["data"] = base64.b64encode(data).decode()
        self.save()

    def fault(self, path: str, *, method: str = "", times: int = 1, **how: Any) -> None:
        """Make the next `times` requests fail whose path matches the pattern `path`.

        `how`: `status` with `message` and `headers`; `kind="reset"` to reset the connection, "truncate" to stop a
        download halfway; `after=True` to fail after the request was processed.
        """
        self.state["faults"].append({"path": path, "method": method, "times": times, **how})

    def save(self) -> None:
        if self._state_file is not None:
            with self._lock:
                draft = self._state_file.with_name(f"{self._state_file.name}.new")
                draft.write_text(json.dumps(self.state, indent=1), encoding="utf-8")
                draft.replace(self._state_file)

    def calls(self) -> list[str]:
        """List the requests without their query strings: "GET /repos/..."."""
        return [f"{each['method']} {each['path']}" for each in self.requests]

    # Responses

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body. Raises ConnectionResetError to reset the connection."""
        parts = urlsplit(target)
        with self._lock:
            entry: Json = {"method": method, "path": parts.path, "query": parts.query}
            entry |= {"body": _parsed(body), "headers": headers}
            self.requests.append(entry)
            seen = len(self.violations)
            try:
                status, extra, sent = self._answer(method, parts.path, parts.query, headers, body)
                entry["status"] = status
                self._check(method, parts.path, parts.query, body, status=status, headers=extra, got=sent)
            finally:
                self._write_log(entry, self.violations[seen:])
            return status, extra, sent

    def _write_log(self, entry: Json, violations: list[str]) -> None:
        if self._log_file is not None:
            kept = {name: entry.get(name) for name in ("method", "path", "query", "body", "status")}
            signed = "authorization" in entry["headers"]
            with self._log_file.open("a", encoding="utf-8") as log:
                log.write(json.dumps({**kept, "authorized": signed, "violations": violations}) + "\n")

    def _answer(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        reset = str(int(self.clock().timestamp()) + 3600)
        extra = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-reset": reset}
        try:
            fault = self._fault(method, path)
            if fault is not None and not fault.get("after"):
                _fail(fault)
            self._admit("GET" if path == "/graphql" else method, headers)
            status, value = self._route(method, path, query, json.loads(body) if body else {}, extra)
            if method != "GET":
                self.save()
            if fault is not None:
                _fail(fault)
        except RefusalError as refusal:
            status, value = refusal.status, refusal.body
            extra |= refusal.headers
        except (KeyError, TypeError, ValueError) as error:
            self.violations.append(f"{method} {path}: {error!r}")
            status, value = 500, {"message": "Server Error"}
        sent = b"" if value is None else json.dumps(value).encode()
        return status, extra, sent

    def _fault(self, method: str, path: str) -> Json | None:
        for fault in self.state["faults"]:
            if fault["times"] > 0 and fault["method"] in ("", method) and re.search(fault["path"], path):
                fault["times"] -= 1
                return fault  # type: ignore[no-any-return]
        return None

    def _admit(self, method: str, headers: dict[str, str]) -> None:
        _, _, token = headers.get("authorization", "").partition(" ")
        if not token or self.state["token"] not in (None, token):
            raise RefusalError(401, "Bad credentials")
        if self.state["read_only"] and method != "GET":
            raise RefusalError(403, "Resource not accessible by integration")  # by hand

    def _route(self, method: str, path: str, query: str, body: Json, extra: dict[str, str]) -> Answer:
        for wanted, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if wanted == method and found:
                named = {name: unquote(value) for name, value in found.groupdict().items()}
                if named.pop("repository", self.state["repository"]) != self.state["repository"]:
                    raise RefusalError(404, "Not Found")
                asked = {name: values[-1] for name, values in parse_qs(query).items()}
                status, value = answer(self, asked, body, **named)
                if status == 302:
                    extra["location"] = value
                    return 302, None
                if isinstance(value, list):
                    return status, self._page(path, asked, value, extra)
                if isinstance(value, dict) and "artifacts" in value:
                    return status, {**value, "artifacts": self._page(path, asked, value["artifacts"], extra)}
                return status, value
        self.violations.append(f"{method} {path}: this server does not know it")
        raise RefusalError(404, "Not Found")

    def _page(self, path: str, asked: dict[str, str], rows: list[Any], extra: dict[str, str]) -> list[Any]:
        size = min(100, int(asked.get("per_page", "30")))
        page, last = int(asked.get("page", "1")), max(1, -(-len(rows) // size))
        links = {"prev": page - 1, "first": 1} if page > 1 else {}
        links |= {"next": page + 1, "last": last} if page < last else {}
        shown = [
            f'<{self.url}{path}?{urlencode({**asked, "page": there})}>; rel="{name}"' for name, there in links.items()
        ]
        if shown:
            extra["link"] = ", ".join(shown)
        return rows[(page - 1) * size : page * size]

    def _check(
        self, method: str, path: str, query: str, sent: bytes, *, status: int, headers: dict[str, str], got: bytes
    ) -> None:
        """Validate a request and its response by the API description."""
        if self._description is None or BY_HAND.fullmatch(f"{method} {path}"):
            return
        from openapi_core.exceptions import OpenAPIError
        from openapi_core.templating.responses.exceptions import ResponseFinderError
        from openapi_core.testing import MockRequest, MockResponse

        self.checked += 1
        request = MockRequest(HOST, method, path, args=parse_qs(query), data=sent)
        try:
            self._description.validate_request(request)
        except OpenAPIError as error:
            if status not in (401, 403, 404, 422):  # these responses are the expected refusals
                self.violations.append(f"{method} {path}: the request: {_reason(error)}")
            return
        text = got.replace(self.url.encode(), HOST.encode())
        try:
            self._description.validate_response(request, MockResponse(text, status, headers))
        except ResponseFinderError as error:
            if status < 400:  # the description lacks some errors
                self.violations.append(f"{method} {path}: the answer: {_reason(error)}")
        except OpenAPIError as error:
            if status < 500 and '"repo": null' not in got.decode():  # by hand: the format of a deleted fork
                self.violations.append(f"{method} {path}: the answer: {_reason(error)}")

    # Endpoints

    def _pull_of(self, number: str) -> Json:
        if number not in self.state["pulls"]:
            raise RefusalError(404, "Not Found")
        return self.state["pulls"][number]  # type: ignore[no-any-return]

    def _get_user(self, asked: Json, body: Json) -> Answer:
        if self.state["login"] is None:
            raise RefusalError(403, "Resource not accessible by integration")
        return 200, self.bodies.user(self.state["login"])

    def _get_comments(self, asked: Json, body: Json, number: str) -> Answer:
        self._known(number)
        here = [each for each in self.state["comments"] if each["number"] == int(number)]
        return 200, [self.bodies.comment(self.state["repository"], each) for each in here]

    def _known(self, number: str) -> None:
        if number not in self.state["pulls"] and number not in self.state["issues"]:
            raise RefusalError(404, "Not Found")

    def _fit(self, body: Json, resource: str = "IssueComment") -> str:
        text = body.get("body")
        if not isinstance(text, str) or not text:
            raise RefusalError(422, "Validation Failed", errors=[{"resource": resource, "code": "missing_field"}])
        if len(text) > LONGEST_BODY:  # by hand
            said = f"Body is too long (maximum is {LONGEST_BODY} characters)"
            error = {"resource": resource, "code": "unprocessable", "field": "data", "message": said}
            raise RefusalError(422, "Validation Failed", errors=[error])
        return text

    def _fit_title(self, body: Json) -> None:
        if len(body["title"]) > LONGEST_TITLE:  # by hand
            error = {"resource": "Issue", "code": "custom", "field": "title", "message": "title is too long"}
            raise RefusalError(422, "Validation Failed", errors=[error])

    def _post_comment(self, asked: Json, body: Json, number: str) -> Answer:
        self._known(number)
        facts = self.add_comment(int(number), self._fit(body), author=self.state["actor"])
        return 201, self.bodies.comment(self.state["repository"], facts)

    def _comment_of(self, id: str) -> Json:
        for each in self.state["comments"]:
            if each["id"] == int(id):
                return each  # type: ignore[no-any-return]
        raise RefusalError(404, "Not Found")

    def _get_comment(self, asked: Json, body: Json, id: str) -> Answer:
        return 200, self.bodies.comment(self.state["repository"], self._comment_of(id))

    def _patch_comment(self, asked: Json, body: Json, id: str) -> Answer:
        facts = self._comment_of(id)
        facts |= {"body": self._fit(body), "updated_at": self.now()}
        return 200, self.bodies.comment(self.state["repository"], facts)

    def _delete_comment(self, asked: Json, body: Json, id: str) -> Answer:
        self.state["comments"].remove(self._comment_of(id))
        return 204, None

    def _get_timeline(self, asked: Json, body: Json, number: str) -> Answer:
        return 200, [self.bodies.event(int(number), each) for each in self._pull_of(number)["events"]]

    def _get_pull(self, asked: Json, body: Json, number: str) -> Answer:
        return 200, self.bodies.pull(self.state["repository"], self._pull_of(number), whole=True)

    def _get_pulls(self, asked: Json, body: Json) -> Answer:
        owner, _, ref = asked.get("head", "").partition(":")
        state = asked.get("state", "open")
        rows = []
        for each in reversed(self.state["pulls"].values()):
            theirs = (each["head"]["repository"] or "").split("/")[0]
            if state in ("all", each["state"]) and (not ref or (theirs, each["head"]["ref"]) == (owner, ref)):
                rows.append(self.bodies.pull(self.state["repository"], each, whole=False))
        return 200, rows

    def _get_pulls_of(self, asked: Json, body: Json, sha: str) -> Answer:
        rows = []
        for each in self.state["pulls"].values():
            ours = each["head"]["repository"] == self.state["repository"]  # the API does not find commits of forks
            commits = (each["head"]["sha"], *(commit["sha"] for commit in each["commits"]), *each.get("merged_as", ()))
            if ours and sha in commits:
                rows.append(self.bodies.pull(self.state["repository"], each, whole=False))
        return 200, rows

    def _get_ref(self, asked: Json, body: Json, branch: str) -> Answer:
        bases = (each["base"] for each in self.state["pulls"].values())
        tips = {base["ref"]: base["sha"] for base in bases} | self.state["branches"]
        if branch not in tips:
            raise RefusalError(404, "Not Found")
        return 200, {"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": tips[branch]}}

    def _get_files(self, asked: Json, body: Json, number: str) -> Answer:
        """List the `files` of a pull request: a path, its earlier and its new path, or one and None if it is removed."""
        pull = self._pull_of(number)
        rows = []
        for each in pull["files"][:FILES_LISTED]:
            before, new = (each, each) if isinstance(each, str) else each
            path = before if new is None else new
            status = "removed" if new is None else "modified" if before == path else "renamed"
            url = f"{self.url}/repos/{self.state['repository']}/contents/{quote(path)}?ref={pull['head']['sha']}"
            row: Json = {"sha": "0" * 40, "filename": path, "status": status}
            row |= {"additions": 1, "deletions": 1, "changes": 2} | dict.fromkeys(("blob_url", "raw_url"), url)
            rows.append(row | {"contents_url": url} | ({} if before == path else {"previous_filename": before}))
        return 200, rows

    def _get_reviews(self, asked: Json, body: Json, number: str) -> Answer:
        rows = self._pull_of(number)["reviews"]
        return 200, [self.bodies.review(self.state["repository"], int(number), each) for each in rows]

    def _get_commits(self, asked: Json, body: Json, number: str) -> Answer:
        rows = self._pull_of(number)["commits"][:250]
        return 200, [self.bodies.commit(self.state["repository"], each) for each in rows]

    def _post_status(self, asked: Json, body: Json, sha: str) -> Answer:
        for field, most in (("description", 140), ("context", 255)):  # by hand
            text = body.get(field) or ""
            if len(text) > most or any(char > "\uffff" for char in text):
                error = {"resource": "Status", "code": "custom", "field": field}
                raise RefusalError(422, "Validation Failed", errors=[error])
        facts = {"description": None, "target_url": None, "context": "default", **body, "sha": sha}
        facts |= {"id": 1 + len(self.state["statuses"]), "created_at": self.now(), "creator": self.state["actor"]}
        self.state["statuses"].append(facts)
        return 201, self.bodies.status(self.state["repository"], facts)

    def _get_statuses(self, asked: Json, body: Json, sha: str) -> Answer:
        rows = [each for each in reversed(self.state["statuses"]) if each["sha"] == sha]
        return 200, [self.bodies.status(self.state["repository"], each) for each in rows]

    def _get_comparison(self, asked: Json, body: Json, base: str, head: str) -> Answer:
        for pull in self.state["pulls"].values():
            for commits in filter(None, (*pull.get("overwritten", ()), pull["commits"])):
                if commits[-1]["sha"] == head:
                    start = self.state["merge_bases"].get(head, base)
                    return 200, self.bodies.comparison(self.state["repository"], base, commits, start=start)
        raise RefusalError(404, "Not Found")

    def _post_graphql(self, asked: Json, body: Json) -> Answer:
        """Answer, by hand, the queries in use: the viewer, the force pushes and the authors of a pull request."""
        if "viewer" in body["query"]:  # with `viewer`: None as for a token that may not ask
            viewer = self.state["viewer"]
            return 200, {"data": {"viewer": {"login": viewer}}} if viewer else {"errors": [{"type": "FORBIDDEN"}]}
        facts = body["variables"]
        if f"{facts['owner']}/{facts['name']}" != self.state["repository"]:
            return 200, {"errors": [{"type": "NOT_FOUND", "message": "Could not resolve to a Repository."}]}
        if "authors(first" in body["query"]:
            return 200, {"data": {"repository": {"pullRequest": {"commits": self._authors(facts)}}}}
        if "HEAD_REF_FORCE_PUSHED_EVENT" not in body["query"]:
            raise ValueError("another query than those that this server knows")
        before = [each and each[-1]["sha"] for each in self._pull_of(str(facts["number"])).get("overwritten", ())]
        nodes = [{"beforeCommit": sha and {"oid": sha}} for sha in before[:100]]
        items = {"pageInfo": {"hasNextPage": len(before) > 100}, "nodes": nodes}
        return 200, {"data": {"repository": {"pullRequest": {"timelineItems": items}}}}

    def _authors(self, facts: Json) -> Json:
        """List 100 commits of a pull request with their author and co-authors; `emails` maps addresses to logins."""
        commits, begin = self._pull_of(str(facts["number"]))["commits"], int(facts["after"] or 0)
        nodes = []
        for commit in commits[begin : begin + 100]:
            named = re.findall(r"(?im)^co-authored-by: *(.*?) *<(.*)>$", commit.get("message", ""))
            people = [("someone", "someone@example.org", commit["author"])]
            people += [(name, email, self.state["emails"].get(email)) for name, email in named]
            rows = [{"name": n, "email": e, "user": {"login": login} if login else None} for n, e, login in people]
            nodes.append({"commit": {"authors": {"nodes": rows}}})
        end = begin + len(nodes)
        return {"pageInfo": {"hasNextPage": end < len(commits), "endCursor": str(end)}, "nodes": nodes}

    def _get_permission(self, asked: Json, body: Json, login: str) -> Answer:
        if login not in self.state["people"]:
            raise RefusalError(404, f"{login} is not a user")
        return 200, self.bodies.permission(login, self.state["people"][login])

    def _get_membership(self, asked: Json, body: Json, org: str, team: str, login: str) -> Answer:
        state = self.state["teams"].get(f"{org}/{team}", {}).get(login)
        if state is None:
            raise RefusalError(404, "Not Found")
        url = f"{self.url}/orgs/{org}/teams/{team}/memberships/{login}"
        return 200, {"url": url, "role": "member", "state": state}

    def _get_issues(self, asked: Json, body: Json) -> Answer:
        rows = [(each, False) for each in self.state["issues"].values()]
        rows += [(each, True) for each in self.state["pulls"].values()]
        shown = [
            self.bodies.issue(self.state["repository"], each, pull=pull)
            for each, pull in sorted(rows, key=lambda row: -row[0]["number"])
            if asked.get("state", "open") in ("all", each["state"])
            and asked.get("creator", each["author"]) == each["author"]
            and asked.get("since", "") <= each.get("updated_at", START)
        ]
        return 200, shown

    def _post_issue(self, asked: Json, body: Json) -> Answer:
        numbers = [int(each) for each in (*self.state["issues"], *self.state["pulls"])]
        number = 1 + max(numbers, default=0)
        text = body.get("body")
        if text:
            self._fit(body, "Issue")
        self._fit_title(body)
        facts = {"number": number, "title": body["title"], "body": text, "state": "open"}
        facts |= dict.fromkeys(("created_at", "updated_at"), self.now())
        self.state["issues"][str(number)] = {**facts, "author": self.state["actor"]}
        return 201, self.bodies.issue(self.state["repository"], self.state["issues"][str(number)])

    def _patch_issue(self, asked: Json, body: Json, number: str) -> Answer:
        facts = self.state["issues"].get(number)
        if facts is None:
            raise RefusalError(404, "Not Found")
        self._fit(body, "Issue")
        self._fit_title(body)
        if body["state"] not in ("open", "closed") or body["state_reason"] not in ("completed", "reopened"):
            raise RefusalError(422, "Validation Failed")
        facts |= {name: body[name] for name in ("title", "body", "state")} | {"updated_at": self.now()}
        return 200, self.bodies.issue(self.state["repository"], facts)

    def _get_run(self, asked: Json, body: Json, run: str) -> Answer:
        if run not in self.state["runs"]:
            raise RefusalError(404, "Not Found")
        home = {"id": self.state["repository_id"]}
        facts = {"id": int(run), "repository": home, "head_repository": home}
        return 200, facts | self.state["runs"][run].get("facts", {})

    def _get_artifacts(self, asked: Json, body: Json, run: str) -> Answer:
        if run not in self.state["runs"]:
            raise RefusalError(404, "Not Found")
        rows = self.state["runs"][run]["artifacts"]
        shown = [self.bodies.artifact(self.state["repository"], each) for each in rows]
        return 200, {"total_count": len(shown), "artifacts": shown}

    def _get_archive(self, asked: Json, body: Json, id: str) -> Answer:
        for run in self.state["runs"].values():
            for each in run["artifacts"]:
                if each["id"] == int(id):
                    if each["expired"]:
                        raise RefusalError(410, "Artifact has expired")
                    return 302, f"{self.storage_url}/blob/{id}?sig=secret"
        raise RefusalError(404, "Not Found")

    def stored(self, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Answer as the storage, which refuses requests with a token."""
        path = urlsplit(target).path
        with self._lock:
            self.blob_requests.append({"path": path, "headers": headers})
            if "authorization" in headers:
                self.violations.append(f"GET {path}: the token was shown to the storage")
                return 401, {}, b""
            fault = self._fault("GET", path)
            cut = fault is not None and fault.get("kind") == "truncate"
            if fault is not None and not cut:
                try:
                    _fail(fault)
                except RefusalError as refusal:
                    return refusal.status, refusal.headers, b""
            for run in self.state["runs"].values():
                for each in run["artifacts"]:
                    if path == f"/blob/{each['id']}":
                        data = base64.b64decode(each["data"])
                        headers = {"content-type": "application/zip", "content-length": str(len(data))}
                        if cut:
                            return 200, {**headers, "connection": "close"}, data[: len(data) // 2]
                        return 200, headers, data
            return 404, {}, b""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    reasons = [f"{each.json_path}: {each.message[:200]}" for each in getattr(cause, "schema_errors", ())]
    return "; ".join(reasons) or repr(cause)[:500]


def _fail(fault: Json) -> None:
    if fault.get("kind") == "reset":
        raise ConnectionResetError
    raise RefusalError(fault["status"], fault.get("message", "Server Error"), fault.get("headers"))


_R = r"/repos/(?P<repository>[^/]+/[^/]+)"
Route = Callable[..., Answer]
ROUTES: list[tuple[str, str, Route]] = [
    ("GET", r"/user", GitHubServer._get_user),
    ("GET", rf"{_R}/issues/(?P<number>\d+)/comments", GitHubServer._get_comments),
    ("POST", rf"{_R}/issues/(?P<number>\d+)/comments", GitHubServer._post_comment),
    ("GET", rf"{_R}/issues/comments/(?P<id>\d+)", GitHubServer._get_comment),
    ("PATCH", rf"{_R}/issues/comments/(?P<id>\d+)", GitHubServer._patch_comment),
    ("DELETE", rf"{_R}/issues/comments/(?P<id>\d+)", GitHubServer._delete_comment),
    ("GET", rf"{_R}/issues/(?P<number>\d+)/timeline", GitHubServer._get_timeline),
    ("GET", rf"{_R}/issues", GitHubServer._get_issues),
    ("POST", rf"{_R}/issues", GitHubServer._post_issue),
    ("PATCH", rf"{_R}/issues/(?P<number>\d+)", GitHubServer._patch_issue),
    ("GET", rf"{_R}/pulls/(?P<number>\d+)", GitHubServer._get_pull),
    ("GET", rf"{_R}/pulls", GitHubServer._get_pulls),
    ("GET", rf"{_R}/pulls/(?P<number>\d+)/reviews", GitHubServer._get_reviews),
    ("GET", rf"{_R}/pulls/(?P<number>\d+)/commits", GitHubServer._get_commits),
    ("GET", rf"{_R}/pulls/(?P<number>\d+)/files", GitHubServer._get_files),
    ("GET", rf"{_R}/commits/(?P<sha>[^/]+)/pulls", GitHubServer._get_pulls_of),
    ("GET", rf"{_R}/git/ref/heads/(?P<branch>.+)", GitHubServer._get_ref),
    ("POST", rf"{_R}/statuses/(?P<sha>[^/]+)", GitHubServer._post_status),
    ("GET", rf"{_R}/statuses/(?P<sha>[^/]+)", GitHubServer._get_statuses),
    ("GET", rf"{_R}/compare/(?P<base>\w+)\.\.\.(?P<head>\w+)", GitHubServer._get_comparison),
    ("POST", r"/graphql", GitHubServer._post_graphql),
    ("GET", rf"{_R}/collaborators/(?P<login>[^/]+)/permission", GitHubServer._get_permission),
    (
        "GET",
        r"/orgs/(?P<org>[^/]+)/teams/(?P<team>[^/]+)/memberships/(?P<login>[^/]+)",
        GitHubServer._get_membership,
    ),
    ("GET", rf"{_R}/actions/runs/(?P<run>\d+)", GitHubServer._get_run),
    ("GET", rf"{_R}/actions/runs/(?P<run>\d+)/artifacts", GitHubServer._get_artifacts),
    ("GET", rf"{_R}/actions/artifacts/(?P<id>\d+)/zip", GitHubServer._get_archive),
]
# endpoints that the description lacks, or of which only the fields in use are here
BY_HAND = re.compile(
    rf"GET /user|(GET|PATCH) {_R}/(git/ref/.+|actions/runs/\d+|issues/\d+)|POST /graphql",
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: GitHubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # tests also disconnect clients


def _listen(owner: GitHubServer, handler: type[_Handler], port: int) -> _Server:
    server = _Server(("127.0.0.1", port), handler)
    server.owner = owner
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def reply(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, headers, sent = self.reply(body)
        except ConnectionResetError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        if status != 204 and "content-length" not in headers:
            self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    @property
    def owner(self) -> GitHubServer:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def lower(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Api(_Handler):
    def reply(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.path != "/_state":
            return self.owner.answer(self.command, self.path, self.lower(), body)
        if self.command == "PUT":
            self.owner.state = copy.deepcopy(EMPTY) | json.loads(body)
            self.owner.save()
        return 200, {}, json.dumps(self.owner.state).encode()


class _Storage(_Handler):
    def reply(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return self.owner.stored(self.path, self.lower())


def ticking(start: str = "2026-05-01T12:00:00Z") -> Callable[[], datetime]:
    """Make a clock that advances one second per reading."""
    seconds = iter(range(10**9))
    first = datetime.fromisoformat(start)
    return lambda: first + timedelta(seconds=next(seconds))


def main() -> None:
    options = argparse.ArgumentParser(description="A GitHub on loopback, until its input ends or it is stopped.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--state", type=Path, help="JSON: read at the start, written after each change")
    options.add_argument("--log", type=Path, help="JSON lines: each request")
    given = options.parse_args()
    state = json.loads(given.state.read_text(encoding="utf-8")) if given.state and given.state.is_file() else None
    server = GitHubServer(state, port=given.port, state_file=given.state, log_file=given.log)
    print(server.url, flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
