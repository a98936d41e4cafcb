"""The change level: the level that the version numbers declare, the minimum that the diff allows, and conflicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from evalgate.domain import ChangeLevel, Level, LevelFinding, Policy, PromptVersion, VersionAtCommit
from evalgate.plan.prompt_diff import describe_differences

if TYPE_CHECKING:
    from semver import Version

__all__ = ["VersionAtCommit", "choose_number", "decide_level", "is_later"]

_Contents: TypeAlias = dict[str, dict[str, str]]


def decide_level(
    candidate: PromptVersion,
    baseline: PromptVersion | None,
    *,
    policy: Policy,
    history: Sequence[VersionAtCommit] = (),
    served: Sequence[str] = (),
    edited: Sequence[str] = (),
    sent: Sequence[str] = (),
    reverts: bool = False,
    published: str | None = None,
) -> ChangeLevel:
    """Decide the level of a change, with a finding for each fault in the declared versions. Every finding fails.

    The minimum follows from the diff (`plan.prompt_diff.describe_differences`); identical content is PATCH. `served`
    are reasons from `plan.target_changes`: the two versions are served differently, which makes the minimum MAJOR. The
    declared level is the leftmost version component that increased. It is None unless both versions declare a number
    and the candidate's is newer. A release after its own pre-release (2.0.0 after 2.0.0-rc.1) declares the level of its
    number: MAJOR. `published` is the number that the baseline has in a registry, whatever its file says: the declared
    level is at least that of the step from it. The effective level is the stricter of declared level and minimum.
    Without a baseline, the minimum and the effective level are MINOR. `edited` are reasons outside of the prompt: they
    make the effective level MAJOR, and require no version number. `sent` are reasons outside of the prompt that make it
    at least MINOR. With `reverts`, the candidate is the version that the baseline replaced: then its number is the
    older one, and the minimum is the level of the change.

    Findings: a declared level below the minimum; different content under a version that is not newer (equal, or equal
    except build metadata); a version older than the baseline's; a version that was removed; and one version number with
    two contents in `history`. With `policy.immutability` "published", the last applies only to the candidate's version.
    """
    contents = _index_contents(candidate, baseline, history, policy)
    findings: list[LevelFinding] = []
    declared = None
    if baseline is None:
        minimum, reasons = Level.MINOR, ["new prompt, no baseline"]
    else:
        minimum, reasons = describe_differences(
            candidate, baseline, minor_share=policy.minor_share, minor_words=policy.minor_words
        )
        if served:
            minimum, reasons = Level.MAJOR, [*served, *reasons]
        declared = _find_declared(candidate, baseline)
        edit = _describe_edit(candidate, _choose_version(candidate, baseline, minimum, contents))
        if not reverts:
            findings += _find_version_faults(candidate, baseline, declared, minimum, why="; ".join(reasons), edit=edit)
        if declared is not None and candidate.content == baseline.content:
            reasons = [*served, f"identical content under a new version ({baseline.version} -> {candidate.version})"]
        if (step := _find_step(candidate, baseline, published)) > (declared or Level.PATCH):
            declared, reasons = step, [*reasons, f"version {candidate.version} after the published {published}"]
    if baseline is not None and baseline.version == candidate.version:
        pair = {baseline.digest, candidate.digest}
        if contents.get(candidate.version or "", {}).keys() <= pair:
            contents.pop(candidate.version or "", None)  # already reported: content without a new version
    findings += _find_reused(candidate, _choose_version(candidate, baseline, minimum, contents), contents)
    return ChangeLevel(
        declared=declared,
        minimum=minimum,
        effective=Level.MAJOR if edited else max(declared or minimum, minimum, Level.MINOR if sent else Level.PATCH),
        reasons=(*edited, *sent, *reasons),
        findings=tuple(findings),
    )


def choose_number(
    candidate: PromptVersion,
    baseline: PromptVersion | None,
    *,
    level: Level,
    policy: Policy,
    history: Sequence[VersionAtCommit] = (),
) -> str:
    """Return the lowest version number that declares `level`, or a higher one that the candidate has already.

    It is never a number that has another content. Without a baseline it follows the candidate's own number.
    """
    if baseline is None:
        own = _parse(candidate)
        return "1.0.0" if own is None else str(_bump(own, level))
    numbered = replace(candidate, version=baseline.version) if candidate.version is None else candidate
    return _choose_version(numbered, baseline, level, _index_contents(numbered, baseline, history, policy))


def is_later(number: str | None, other: str | None) -> bool:
    """Return whether a version number is higher than another one. None is the lowest."""
    from semver import Version

    if number is None or other is None:
        return other is None and number is not None
    return Version.parse(number) > Version.parse(other)


def _find_declared(candidate: PromptVersion, baseline: PromptVersion) -> Level | None:
    new, old = _parse(candidate), _parse(baseline)
    if new is None or old is None or new <= old:
        return None
    if (new.major, new.minor, new.patch) == (old.major, old.minor, old.patch):
        return _find_own_level(new)  # from a pre-release to a later one, or to the release itself
    if new.major != old.major:
        return Level.MAJOR
    return Level.MINOR if new.minor != old.minor else Level.PATCH


def _find_step(candidate: PromptVersion, baseline: PromptVersion, published: str | None) -> Level:
    """Return the level of the step from the published number to that of the candidate; PATCH if there is none."""
    step = None if published is None else _find_declared(candidate, replace(baseline, version=published))
    return step or Level.PATCH


def _find_version_faults(
    candidate: PromptVersion,
    baseline: PromptVersion,
    declared: Level | None,
    minimum: Level,
    *,
    why: str,
    edit: str,
) -> Iterator[LevelFinding]:
    new, old = _parse(candidate), _parse(baseline)
    if old is None:
        return
    if new is None:
        said = f"the baseline has version {old}, the candidate declares none; {edit}"
        yield LevelFinding(kind="version", sentence=said)
    elif new < old:
        said = f"version {new} is older than the baseline's {old}; {edit}"
        yield LevelFinding(kind="version", sentence=said)
    elif new.compare(old) == 0 and candidate.content != baseline.content:
        said = f"the content changed without a new version ({old}): {why}; {edit}"
        yield LevelFinding(kind="version", sentence=said)
    elif declared is not None and declared < minimum:
        said = f"declared {declared.name} ({old} -> {new}), but the change is at least {minimum.name}: {why}; {edit}"
        yield LevelFinding(kind="level", sentence=said)


def _index_contents(
    candidate: PromptVersion, baseline: PromptVersion | None, history: Sequence[VersionAtCommit], policy: Policy
) -> _Contents:
    """Map each version number that must have one content only to its digests, each with its first place."""
    contents: _Contents = {}
    bound = [candidate, *([baseline] if baseline is not None and policy.immutability == "history" else [])]
    numbers = dict.fromkeys(version.version for version in bound if version.version is not None)
    for number in numbers:
        contents[number] = {}
        for release in history:
            if release.version == number:
                contents[number].setdefault(release.digest, f"commit {release.commit[:7]}")
    for version in reversed(bound):
        if version.version is not None:
            contents[version.version].setdefault(version.digest, _describe_places(version))
    return contents


def _find_reused(candidate: PromptVersion, wanted: str, contents: _Contents) -> Iterator[LevelFinding]:
    """Yield a finding for each version number that was used for two contents."""
    for number, digests in contents.items():
        if len(digests) < 2:
            continue
        places = _join_places(list(digests.values()))
        said = f"version {number} has {len(digests)} contents: {places}; a version number is never used again"
        if number == candidate.version:
            said += f"; {_describe_edit(candidate, wanted)}"
        else:
            said += '; to check new version numbers only, set "immutability: published" under policy'
        yield LevelFinding(kind="immutability", sentence=said)


def _describe_places(version: PromptVersion) -> str:
    return "the working tree" if version.source == "working tree" else version.source


def _join_places(places: Sequence[str]) -> str:
    shown = [*places[:3], f"{len(places) - 4} more", places[-1]] if len(places) > 5 else list(places)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _choose_version(
    candidate: PromptVersion, baseline: PromptVersion | None, minimum: Level, contents: _Contents
) -> str:
    """Return the version number to write: the candidate's or the lowest valid one, and not one already used."""
    own, old = _parse(candidate), _parse(baseline) if baseline is not None else None
    numbers = [number for number in (own, None if old is None else _bump(old, minimum)) if number is not None]
    if not numbers:
        return "1.0.0"
    wanted = max(numbers)
    while contents.get(str(wanted), {}).keys() - {candidate.digest}:
        wanted = wanted.bump_patch()
    return str(wanted)


def _describe_edit(prompt: PromptVersion, wanted: str) -> str:
    """Describe the two lines to edit, with their places: `version` and `change`."""
    path, lines = prompt.path, prompt.lines
    if "version" in lines:
        version = f'{path}:{lines["version"]}: version: "{prompt.version}" -> "{wanted}"'
    else:
        version = f'{path}: add version: "{wanted}"'
    if "change" in lines:
        change = f"{path}:{lines['change']}: change: say why, in one sentence"
    else:
        change = f'{path}: add change: "why, in one sentence"'
    return f"edit {version} and {change}"


def _parse(prompt: PromptVersion) -> Version | None:
    """Return the declared version; None if there is none. Invalid versions were refused when the file was read."""
    from semver import Version

    return Version.parse(prompt.version) if prompt.version is not None else None


def _bump(old: Version, level: Level) -> Version:
    """Return the lowest release above `old` that declares `level`."""
    release = old.finalize_version()
    if old.prerelease and _find_own_level(release) >= level:
        return release
    if level is Level.MAJOR:
        return old.bump_major()
    return old.bump_minor() if level is Level.MINOR else old.bump_patch()


def _find_own_level(number: Version) -> Level:
    """Return the level of a version number by itself: 2.0.0 is MAJOR, 2.1.0 MINOR, 2.1.3 PATCH."""
    if number.patch:
        return Level.PATCH
    return Level.MINOR if number.minor else Level.MAJOR
