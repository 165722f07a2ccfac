"""The public names of the four packages. A change here is a change for users: it belongs into CHANGELOG.md."""

from __future__ import annotations

from importlib import import_module

import pytest

SURFACE = {
    "sandbox": (
        "BubblewrapFactory BubblewrapSandbox CANDIDATE DockerFactory DockerOptions DockerSandbox Ending FakeFactory "
        "FakeSandbox GristmillError InfrastructureError Job Jobs Limits Pool Profile Report Sandbox SandboxError "
        "SandboxFactory SandboxInfo Session UserError __version__ candidate_profile"
    ),
    "verifiers": (
        "Candidate Check Direction Evidence Outcome Seeds StandingJudge Strength Task UnknownKindError Verdict "
        "Verifier Verifiers __version__ extract judge judge_async kinds problems"
    ),
    "graph": (
        "Budget Calls CampaignSummary Hypothesis Member Message ModelOptions Prompts Proposer Reflection Reply Request "
        "RunConfig Sampling Search Step StopReason Store TaskFileError Tokens Trajectory __version__ judge_all "
        "load_candidates load_tasks resolve run_campaign"
    ),
    "trainers": (
        "AdapterInfo Adapters CurateConfig Curated Evaluation Exported GateSummary ImproveConfig Improvement Lora "
        "Method RoundSummary SftMethod Share TrainedAdapter __version__ curate evaluate export_rows "
        "reward_function write_dataset"
    ),
}


@pytest.mark.parametrize("package", ["sandbox", "verifiers", "graph", "trainers"])
def test_the_public_names_are_these(package: str) -> None:
    module = import_module(f"gristmill.{package}")
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) == set(SURFACE[package].split())


@pytest.mark.parametrize("package", ["sandbox", "verifiers", "graph", "trainers"])
def test_every_public_name_exists_and_is_documented(package: str) -> None:
    module = import_module(f"gristmill.{package}")
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type) or callable(value):
            assert (value.__doc__ or "").strip(), name


@pytest.mark.parametrize("package", ["sandbox", "verifiers", "graph", "trainers"])
def test_a_name_that_is_not_there_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError):
        _ = import_module(f"gristmill.{package}").nothing_of_that_name
