from pathlib import Path

import pytest
from repository import Repository

from evalgate.domain import Case, Gate, GoldenDataset, PromptVersion
from evalgate.errors import InputError
from evalgate.inputs import case_images
from evalgate.inputs.case_images import find_edited_images, list_image_files, load_images
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.tree import CommitTree, WorkTree
from evalgate.services.git import Git

PNG = b"\x89PNG\r\n\x1a\n"
TEXT = 'messages: [{role: user, content: [{type: image, image: "{{picture}}"}]}]\n'
PROMPT = parse_prompt(TEXT.encode(), "p.prompt.yml", "working tree")
HISTORY = parse_prompt(b"messages: [{history: talk}]\n", "p.prompt.yml", "working tree")


def cases(*pictures: object) -> GoldenDataset:
    found = tuple(Case(id=f"c{i}", fields={"picture": p}, line=i + 1) for i, p in enumerate(pictures))
    return GoldenDataset(path="golden/cases.jsonl", cases=found)


@pytest.fixture
def tree(tmp_path: Path) -> WorkTree:
    (tmp_path / "golden/images").mkdir(parents=True)
    (tmp_path / "golden/images/a.png").write_bytes(PNG + b"a")
    (tmp_path / "golden/images/b.png").write_bytes(PNG + b"b")
    (tmp_path / "golden/notes.png").write_bytes(b"no image")
    (tmp_path / "secret.png").write_bytes(PNG)
    return WorkTree(tmp_path)


def test_images_are_read_from_the_folder_of_the_dataset(tree: WorkTree) -> None:
    found = load_images(tree, cases("images/a.png", "images/../images/b.png", "https://a.example/x.png"), [PROMPT])
    assert [{path: image.data for path, image in case.images.items()} for case in found.cases] == [
        {"images/a.png": PNG + b"a"},
        {"images/../images/b.png": PNG + b"b"},
        {},
    ]
    talk = [{"role": "user", "content": [{"type": "image", "image": "images/a.png"}]}]
    (case,) = load_images(
        tree, GoldenDataset(path="golden/c.jsonl", cases=(Case(id="c", fields={"talk": talk}),)), [HISTORY]
    ).cases
    assert set(case.images) == {"images/a.png"}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("images/none.png", "no such file"),
        ("notes.png", "is not a PNG"),
        ("images", "is a folder"),
        ("../secret.png", "outside of the dataset's folder"),
        ("images/../../secret.png", "outside of the dataset's folder"),
        ("/etc/hostname", "outside of the dataset's folder"),
        ("images/link.png", "symbolic link"),
        ("linked/secret.png", "symbolic link"),
        ("a\0b.png", "NUL"),
        ("", "names no image"),
    ],
)
def test_nothing_else_is_read(tree: WorkTree, tmp_path: Path, source: str, fault: str) -> None:
    (tmp_path / "golden/images/link.png").symlink_to("../../secret.png")
    (tmp_path / "golden/linked").symlink_to(tmp_path)
    with pytest.raises(InputError, match=fault) as caught:
        load_images(tree, cases("images/a.png", source), [PROMPT])
    assert str(caught.value.faults[0].place) == "golden/cases.jsonl:2"


def test_all_faults_are_told_at_once_and_the_total_is_bounded(tree: WorkTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_images, "MAX_DATASET_IMAGE_BYTES", 10)
    with pytest.raises(InputError) as caught:
        load_images(tree, cases("images/a.png", "images/a.png", "images/b.png", "x.png"), [PROMPT])
    assert [fault.place.line for fault in caught.value.faults if fault.place] == [3, 4]


def test_a_prompt_without_images_reads_none(tree: WorkTree) -> None:
    plain = PromptVersion(name="p", path="p", source="s", messages=())
    dataset = cases("images/none.png")
    assert load_images(tree, dataset, [plain]) is dataset


def test_the_digest_of_a_dataset_covers_its_images(tree: WorkTree, tmp_path: Path) -> None:
    dataset = cases("images/a.png")
    before = load_images(tree, dataset, [PROMPT])
    (tmp_path / "golden/images/a.png").write_bytes(PNG + b"edited")
    after = load_images(tree, dataset, [PROMPT])
    assert len({dataset.digest, before.digest, after.digest}) == 3
    assert dataset.digest == before.text_digest == after.text_digest


def test_the_images_of_a_commit_are_read_from_git(repository: Repository) -> None:
    image = repository.root / "golden/a.png"
    repository.write(
        "golden/cases.jsonl", '{"id": "c1", "picture": "a.png"}\n{"id": "c2", "picture": "https://a.example/b"}\n'
    )
    repository.write("p.prompt.yml", TEXT)
    image.write_bytes(PNG + b"old")
    repository.commit("first")
    git = Git(repository.root)
    head = git.head()
    assert head is not None
    there, here = CommitTree(git, head), WorkTree(repository.root)
    image.write_bytes(PNG + b"new")
    old = load_images(there, load_dataset(there, "golden/cases.jsonl"), [PROMPT])
    new = load_images(here, load_dataset(here, "golden/cases.jsonl"), [PROMPT])
    assert old.cases[0].images["a.png"].data == PNG + b"old"
    assert find_edited_images(there, "golden/cases.jsonl", new.cases) == {"c1"}
    assert find_edited_images(there, "golden/cases.jsonl", old.cases) == set()
    gate = Gate(
        name="g", prompt="p.prompt.yml", dataset="golden/cases.jsonl", candidate_target="t", baseline_target="t"
    )
    assert list_image_files(here, gate) == {"golden/a.png"}
