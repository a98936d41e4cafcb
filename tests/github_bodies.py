"""Complete JSON of GitHub's objects, as its API description requires, made from the few fields that a test sets."""

from __future__ import annotations

import hashlib
from typing import Any

Json = dict[str, Any]
START = "2026-01-01T00:00:00Z"
_REPOSITORY_URLS = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "clone",
    "git",
    "ssh",
    "svn",
]
_USER_URLS = [
    "avatar",
    "events",
    "followers",
    "following",
    "gists",
    "html",
    "organizations",
    "received_events",
    "repos",
    "starred",
    "subscriptions",
]
_COUNTS = [
    "forks",
    "forks_count",
    "open_issues",
    "open_issues_count",
    "size",
    "stargazers_count",
    "watchers",
    "watchers_count",
]
_YES_NO = ["has_downloads", "has_issues", "has_projects", "has_wiki", "has_pages", "archived", "disabled", "private"]


def number_of(text: str) -> int:
    """Return a stable id for a name."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


class Bodies:
    """A maker of objects in the format of the API at `api`."""

    def __init__(self, api: str) -> None:
        self.api = api

    def user(self, login: str | None) -> Json | None:
        if not login:
            return None
        url = f"{self.api}/users/{login.replace('[', '%5B').replace(']', '%5D')}"
        kind = "Bot" if login.endswith("[bot]") else "User"
        return {
            **{f"{name}_url": url for name in _USER_URLS},
            "url": url,
            "login": login,
            "id": number_of(login),
            "node_id": login,
            "gravatar_id": "",
            "site_admin": False,
            "type": kind,
        }

    def repository(self, full_name: str, id: int, *, fork: bool = False) -> Json:
        owner, name = full_name.split("/")
        url = f"{self.api}/repos/{full_name}"
        return {
            **{f"{each}_url": url for each in _REPOSITORY_URLS},
            **dict.fromkeys(_COUNTS, 0),
            **dict.fromkeys(_YES_NO, False),
            **dict.fromkeys(("homepage", "language", "mirror_url", "license", "description")),
            "id": id,
            "node_id": full_name,
            "name": name,
            "full_name": full_name,
            "fork": fork,
            "url": url,
            "owner": self.user(owner),
            "html_url": url,
            "default_branch": "main",
            "pushed_at": START,
            "created_at": START,
            "updated_at": START,
        }

    def label(self, name: str) -> Json:
        facts = {"name": name, "description": "", "color": "ededed", "default": False}
        return {"id": number_of(name), "node_id": name, "url": f"{self.api}/labels", **facts}

    def comment(self, repository: str, facts: Json) -> Json:
        url = f"{self.api}/repos/{repository}/issues"
        return {
            "id": facts["id"],
            "node_id": f"C{facts['id']}",
            "url": f"{url}/comments/{facts['id']}",
            "html_url": f"{self.api}/{repository}/pull/{facts['number']}#issuecomment-{facts['id']}",
            "issue_url": f"{url}/{facts['number']}",
            "user": self.user(facts["author"]),
            "body": facts["body"],
            "author_association": "NONE",
            **{name: facts[name] for name in ("created_at", "updated_at")},
        }

    def issue(self, repository: str, facts: Json, *, pull: bool = False) -> Json:
        url = f"{self.api}/repos/{repository}/issues/{facts['number']}"
        html = f"{self.api}/{repository}/{'pull' if pull else 'issues'}/{facts['number']}"
        linked = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), url)
        return {
            **dict.fromkeys(("assignee", "closed_at", "milestone")),
            **{f"{name}_url": url for name in ("comments", "events", "labels", "repository")},
            "id": facts["number"],
            "node_id": f"I{facts['number']}",
            "number": facts["number"],
            "url": url,
            "html_url": html,
            "state": facts["state"],
            "title": facts["title"],
            "body": facts["body"],
            "user": self.user(facts["author"]),
            "labels": [],
            "locked": False,
            "comments": 0,
            "created_at": facts.get("created_at", START),
            "updated_at": facts.get("updated_at", START),
            "author_association": "NONE",
            **({"pull_request": linked} if pull else {}),
        }

    def _side(self, facts: Json, home: str) -> Json:
        name = facts["repository"]
        owner = (name or "ghost/gone").split("/")[0]
        shown = self.repository(name, facts["repository_id"], fork=name != home) if name else None
        return {
            "label": f"{owner}:{facts['ref']}",
            "ref": facts["ref"],
            "sha": facts["sha"],
            "user": self.user(owner) if name else None,
            "repo": shown,
        }

    def pull(self, repository: str, facts: Json, *, whole: bool) -> Json:
        """Make a pull request. `whole` is the format of a single one; in a list some fields are absent."""
        url = f"{self.api}/repos/{repository}/pulls/{facts['number']}"
        names = ["comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self"]
        counts = ["additions", "changed_files", "comments", "commits", "deletions", "review_comments"]
        simple = {
            **dict.fromkeys(["assignee", "closed_at", "merged_at", "milestone", "merge_commit_sha", "auto_merge"]),
            **{f"{name}_url": url for name in (*names[:-1], "diff", "patch")},
            "id": facts["number"],
            "node_id": f"P{facts['number']}",
            "number": facts["number"],
            "url": url,
            "html_url": f"{self.api}/{repository}/pull/{facts['number']}",
            "state": facts["state"],
            "title": facts["title"],
            "body": facts["body"],
            "user": self.user(facts["author"]),
            "locked": False,
            "labels": [self.label(name) for name in facts["labels"]],
            "draft": facts["draft"],
            **{side: self._side(facts[side], repository) for side in ("head", "base")},
            "_links": {name: {"href": url} for name in names},
            "author_association": "NONE",
            "created_at": START,
            "updated_at": START,
        }
        if not whole:
            return simple
        more = {"mergeable": None, "mergeable_state": "unknown", "merged": False, "merged_by": None}
        return {**simple, **dict.fromkeys(counts, 0), **more, "maintainer_can_modify": False}

    def review(self, repository: str, number: int, facts: Json) -> Json:
        url = f"{self.api}/{repository}/pull/{number}#pullrequestreview-{facts['id']}"
        body = {
            "id": facts["id"],
            "node_id": f"R{facts['id']}",
            "user": self.user(facts["author"]),
            "body": facts["body"],
            "state": facts["state"],
            "commit_id": facts["commit"],
            "html_url": url,
            "pull_request_url": url,
            "author_association": "NONE",
            "_links": {name: {"href": url} for name in ("html", "pull_request")},
        }
        return body if facts["state"] == "PENDING" else {**body, "submitted_at": facts["submitted_at"]}

    def commit(self, repository: str, facts: Json) -> Json:
        url = f"{self.api}/repos/{repository}/commits/{facts['sha']}"
        who = {"name": "someone", "email": "someone@example.org", "date": START}
        text = {
            "author": who,
            "committer": who,
            "comment_count": 0,
            "message": facts.get("message", "a change"),
            "url": url,
        }
        return {
            "url": url,
            "html_url": url,
            "comments_url": url,
            "sha": facts["sha"],
            "node_id": facts["sha"],
            "commit": {**text, "tree": {"sha": facts["sha"], "url": url}},
            "parents": [],
            **{who: self.user(facts[who]) for who in ("author", "committer")},
        }

    def comparison(self, repository: str, base: str, commits: list[Json], *, start: str) -> Json:
        """Make the comparison of `base` with the last of `commits`, which branch off at `start`; it lists at most 250."""
        head, shown = commits[-1]["sha"], commits[:250]
        url = f"{self.api}/repos/{repository}/compare/{base}...{head}"
        from_base, from_start = (
            self.commit(repository, {"sha": sha, "author": "ann", "committer": "ann"}) for sha in (base, start)
        )
        return {
            **{f"{name}url": url for name in ("", "html_", "permalink_", "diff_", "patch_")},
            "base_commit": from_base,
            "merge_base_commit": from_start,
            "status": "ahead",
            "ahead_by": len(commits),
            "behind_by": 0,
            "total_commits": len(commits),
            "commits": [self.commit(repository, each) for each in shown],
            "files": [],
        }

    def event(self, number: int, facts: Json) -> Json:
        at = facts["created_at"]
        if facts["event"] in ("labeled", "unlabeled"):
            id = number_of(f"{number} {facts['label']} {at}")
            return {
                "id": id,
                "node_id": str(id),
                "url": f"{self.api}/events/{id}",
                "event": facts["event"],
                "actor": self.user(facts["actor"]),
                "label": {"name": facts["label"], "color": "ededed"},
                "commit_id": None,
                "commit_url": None,
                "created_at": at,
                "performed_via_github_app": None,
            }
        url = f"{self.api}/commits/{facts['sha']}"
        who = {"name": "someone", "email": "someone@example.org", "date": at}
        verification = {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
        return {  # "committed": the one event of a timeline that has no actor, no id and no time
            "event": "committed",
            "sha": facts["sha"],
            "node_id": facts["sha"],
            "url": url,
            "html_url": url,
            "author": who,
            "committer": who,
            "tree": {"sha": facts["sha"], "url": url},
            "message": "a change",
            "parents": [],
            "verification": {**verification, "verified_at": None},
        }

    def status(self, repository: str, facts: Json) -> Json:
        url = f"{self.api}/repos/{repository}/statuses/{facts['sha']}"
        shown = {name: facts[name] for name in ("id", "state", "description", "target_url", "context")}
        times = {"created_at": facts["created_at"], "updated_at": facts["created_at"]}
        return {
            **shown,
            **times,
            "url": url,
            "avatar_url": None,
            "node_id": str(facts["id"]),
            "creator": self.user(facts["creator"]),
        }

    def permission(self, login: str, facts: Json) -> Json:
        user = self.user(login)
        return {**facts, "user": {**user, "role_name": facts["role_name"]} if user else None}

    def artifact(self, repository: str, facts: Json) -> Json:
        url = f"{self.api}/repos/{repository}/actions/artifacts/{facts['id']}"
        return {
            "id": facts["id"],
            "node_id": str(facts["id"]),
            "name": facts["name"],
            "url": url,
            "size_in_bytes": facts["size"],
            "archive_download_url": f"{url}/zip",
            "expired": facts["expired"],
            "created_at": START,
            "expires_at": None,
            "updated_at": START,
        }
