"""Every suite of the repository names what exists, and what a line changes reaches its trainings."""

from __future__ import annotations

from functools import cache

import pytest
import yaml

from actupose.commands.suite import Suite, plan, read_suite
from actupose.report.suite import Cell
from tiny_stores import REPO_ROOT

SUITES = REPO_ROOT / "configs" / "suites"
# Lines of a suite that ask for the training of another line: sweeps that pass through the same published values.
SHARED = {"figure10": 2, "loss_weights": 1}


@cache
def planned(name: str) -> tuple[Suite, list[Cell]]:
    suite, configs = read_suite(SUITES / f"{name}.yaml")
    return suite, plan(suite, configs, SUITES / f"{name}.yaml")


@pytest.mark.parametrize("name", sorted(file.stem for file in SUITES.glob("*.yaml")))
def test_every_suite_is_a_plan_of_different_trainings(name: str) -> None:
    suite, cells = planned(name)
    assert {cell.task for cell in cells} == set(suite.tasks)
    assert all(list(cell.trials) == suite.seeds for cell in cells)
    names = {trial.name for cell in cells for trial in cell.trials.values()}
    lines = len(cells) - SHARED.get(name, 0) * len(suite.tasks)
    assert len(names) == lines * len(suite.seeds)


@pytest.mark.parametrize("name", ["published", "synth_lspet_cpu"])
def test_the_systems_of_the_papers_tables(name: str) -> None:
    suite, cells = planned(name)
    systems = ["source_only", "regda", "hkfa", "udape", "vae_hm", "actupose", "oracle"]
    assert [cell.row for cell in cells if cell.task == suite.tasks[0]] == systems
    assert all(cell.published_as == cell.row for cell in cells)


def test_the_ablations_of_figure_10_pass_through_the_papers_optimum() -> None:
    rows = {cell.row: cell.trials[0].name for cell in planned("figure10")[1]}
    assert len({rows[f"actupose {value}"] for value in ("n_bins=25", "pace=2.0", "sigma=0.25")}) == 1
    assert len(set(rows.values())) == 5 + 5 + 4 - 2


def test_the_closed_loop_is_ablated_against_the_fixed_source_and_as_many_images() -> None:
    rows = {cell.row: yaml.safe_load(cell.trials[0].config)["data"] for cell in planned("closed_loop")[1]}
    loops = [data["closed_loop"] for data in rows.values()]
    assert loops[0] is None  # off
    assert [(loop["budget"], loop["archetype_temperature"]) for loop in loops[1:]] == [(256, 0.5), (256, 1000.0)]
    assert {data["curriculum"]["kind"] for data in rows.values()} == {"active"}
