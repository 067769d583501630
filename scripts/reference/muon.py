"""Writes crates/electra-optim/tests/fixtures/muon.json: matrices, gradients, and where torch.optim.Muon takes them.

    ENV/bin/python scripts/reference/muon.py        # ENV has torch 2.9 or newer

Each case is run twice: by the optimizer as it is, which makes updates orthogonal in bfloat16, and by the same source
with the products in double precision, which is what 32-bit products are compared with closely.
"""

import inspect
import json
from pathlib import Path

import torch
import torch.optim._muon as muon

FIXTURE = Path(__file__).parents[2] / "crates/electra-optim/tests/fixtures/muon.json"
STEPS = 3


def in_double_precision():
    """PyTorch's own Newton-Schulz iterations, but for the type that they compute in."""
    source = inspect.getsource(muon._zeropower_via_newtonschulz)
    assert source.count(".bfloat16()") == 1
    namespace = vars(muon).copy()
    # A copy, as bfloat16 would be: the iterations divide it in place.
    exec(source.replace(".bfloat16()", ".double().clone()"), namespace)
    return namespace["_zeropower_via_newtonschulz"]


def numbers(shape, generator):
    """Numbers that 32-bit floats and a few decimals hold exactly."""
    return torch.randint(-64, 65, shape, generator=generator).double() / 64


def trained(weight, gradients, settings):
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = muon.Muon([parameter], **settings)
    after = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        after.append(parameter.detach().flatten().tolist())
    momentum = optimizer.state[parameter]["momentum_buffer"].flatten().tolist()
    return after, momentum


def main():
    generator = torch.Generator().manual_seed(1)
    own, double = muon._zeropower_via_newtonschulz, in_double_precision()
    cases = []
    for name, shape in [("tall", (6, 4)), ("wide", (3, 5)), ("square", (4, 4))]:
        weight = numbers(shape, generator)
        gradients = [numbers(shape, generator) for _ in range(STEPS)]
        for adjust in ["original", "match_rms_adamw"]:
            for nesterov in [True, False]:
                settings = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.95, "nesterov": nesterov}
                settings["adjust_lr_fn"] = adjust
                muon._zeropower_via_newtonschulz = own
                as_it_is, _ = trained(weight, gradients, settings)
                muon._zeropower_via_newtonschulz = double
                expected, momentum = trained(weight, gradients, settings)
                cases.append({
                    "name": name,
                    "shape": list(shape),
                    **settings,
                    "weight": weight.flatten().tolist(),
                    "gradients": [gradient.flatten().tolist() for gradient in gradients],
                    "after": expected,
                    "after_in_bfloat16": as_it_is,
                    "momentum_buffer": momentum,
                })
    text = {"torch": torch.__version__.split("+")[0], "cases": cases}
    rounded = json.loads(json.dumps(text), parse_float=lambda number: float(f"{float(number):.9g}"))
    FIXTURE.write_text(json.dumps(rounded) + "\n")


main()
