"""Deployer: proposes to make what was built, tested and scanned current in its environment.

It cannot deploy anything itself. Policy lets it be done in staging and asks people in production.
"""

from baton import Result, Work, hold


def deploy(work: Work) -> Result:
    """Propose the deployment to the target of this holder, and hand on to whoever checks it."""
    target = work.inputs[work.holder]
    arguments = {
        "repository": work.inputs["repository"],
        "commit": work.data["commit"],
        "artifact": work.data["artifact"],
        "target": target,
    }
    rationale = f"Version {work.data['version']} is built, tested, scanned and in order."
    proposal = {"tool": "release.deploy", "arguments": arguments, "rationale": rationale}
    reason = f"Version {work.data['version']} is in {work.holder}"
    return Result({"target": target}, f"{work.holder}_check", reason, proposals=[proposal])


if __name__ == "__main__":
    hold(deploy)
