"""Writes small files of PyTorch, as tests of our own reader of them.

    python3 -m venv ENV && ENV/bin/pip install torch==2.15.0 numpy
    ENV/bin/python scripts/reference/pytorch_files.py crates/electra-train/tests/fixtures/pytorch

The network is an ElectraForPreTraining, one layer of 8 units, with names as transformers has them. Each number is a
multiple of 1/16 between -0.5 and 0.5, which 16 bits hold as well: `number` says which. Files that nobody should load
in Python, as they call for functions of the system, are among them: what they call for prints a line.
"""

import json
import os
import sys
from collections import OrderedDict

import torch

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "quick", "brown", "fox", "##es", "jump", "##ed", "."]
WIDTH, EMBEDDING, FEED_FORWARD, POSITIONS = 8, 4, 16, 16
CONFIG = {
    "architectures": ["ElectraForPreTraining"], "model_type": "electra", "vocab_size": len(PIECES),
    "embedding_size": EMBEDDING, "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": FEED_FORWARD, "hidden_act": "gelu", "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
}


DISCRIMINATOR = [("discriminator_predictions.dense", WIDTH, WIDTH),
                 ("discriminator_predictions.dense_prediction", WIDTH, 1)]
TAGGER = [("classifier", WIDTH, 3)]


def shapes(head, norm_of_head=()):
    tables = "electra.embeddings."
    layer = "electra.encoder.layer.0."
    yield tables + "word_embeddings.weight", (len(PIECES), EMBEDDING)
    yield tables + "position_embeddings.weight", (POSITIONS, EMBEDDING)
    yield tables + "token_type_embeddings.weight", (2, EMBEDDING)
    norms = [(tables + "LayerNorm", EMBEDDING), *norm_of_head]
    dense = [("electra.embeddings_project", EMBEDDING, WIDTH)]
    dense += [(layer + "attention.self." + name, WIDTH, WIDTH) for name in ("query", "key", "value")]
    dense += [(layer + "attention.output.dense", WIDTH, WIDTH), (layer + "intermediate.dense", WIDTH, FEED_FORWARD),
              (layer + "output.dense", FEED_FORWARD, WIDTH), *head]
    norms += [(layer + "attention.output.LayerNorm", WIDTH), (layer + "output.LayerNorm", WIDTH)]
    for name, inputs, outputs in dense:
        yield name + ".weight", (outputs, inputs)
        yield name + ".bias", (outputs,)
    for name, width in norms:
        yield name + ".weight", (width,)
        yield name + ".bias", (width,)


def number(tensor, element):
    """The element at a place of the tensor of that number, in the order of names."""
    return ((tensor * 5 + element * 7) % 17 - 8) / 16


def state_dict(*head):
    found = {}
    for at, (name, shape) in enumerate(sorted(shapes(*head))):
        count = torch.Size(shape).numel()
        found[name] = torch.tensor([number(at, element) for element in range(count)]).reshape(shape)
    return found


def old_names(state):
    """As checkpoints that came from TensorFlow: gamma and beta, parameters, and matrices that are views."""
    renamed = OrderedDict()
    for name, tensor in state.items():
        if "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        if name.endswith("dense.weight"):
            tensor = tensor.t().contiguous().t()
        renamed[name] = torch.nn.Parameter(tensor)
    renamed["electra.embeddings.position_ids"] = torch.arange(POSITIONS).expand((1, -1))
    return renamed


def generator():
    """An ElectraForMaskedLM, whose output matrix is its table of words, in one storage."""
    head = [("generator_predictions.dense", WIDTH, EMBEDDING)]
    state = state_dict(head, [("generator_predictions.LayerNorm", EMBEDDING)])
    # The tables are those of the discriminator.
    tables = state_dict(DISCRIMINATOR)
    state.update({name: tables[name] for name in state if name.startswith("electra.embeddings.")})
    state["generator_lm_head.bias"] = torch.arange(len(PIECES)) / 16
    state["generator_lm_head.weight"] = state["electra.embeddings.word_embeddings.weight"]
    return state


def of_module(state):
    """With the versions of layers that a network's own state_dict has."""
    ordered = OrderedDict(state)
    ordered._metadata = OrderedDict([("", {"version": 1}), ("electra", {"version": 1})])
    return ordered


class Call:
    """What a file must not do."""

    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def main(out):
    model = os.path.join(out, "model")
    os.makedirs(model, exist_ok=True)
    state = state_dict(DISCRIMINATOR)
    save = lambda name, what, **how: torch.save(what, os.path.join(out, name), **how)
    older = {"_use_new_zipfile_serialization": False}
    with open(os.path.join(model, "config.json"), "w") as file:
        file.write(json.dumps(CONFIG, indent=2) + "\n")
    with open(os.path.join(model, "vocab.txt"), "w") as file:
        file.write("".join(piece + "\n" for piece in PIECES))
    with open(os.path.join(model, "tokenizer_config.json"), "w") as file:
        file.write(json.dumps({"do_lower_case": True, "tokenizer_class": "ElectraTokenizer"}) + "\n")
    save("model/pytorch_model.bin", of_module(state))
    save("older.bin", of_module(state), **older)
    save("old-names.bin", old_names(state))
    save("old-names-older.bin", old_names(state), **older)
    save("half.bin", {name: tensor.half() for name, tensor in state.items()})
    save("bfloat16-older.bin", {name: tensor.bfloat16() for name, tensor in state.items()}, **older)
    save("double.bin", {name: tensor.double() for name, tensor in state.items()})
    save("protocol-4.bin", state, pickle_protocol=4)
    save("tagger.bin", state_dict(TAGGER))
    save("generator.bin", generator())
    names = sorted(state)
    for at, part in enumerate([names[: len(names) // 2], names[len(names) // 2 :]]):
        save(f"pytorch_model-0000{at + 1}-of-00002.bin", {name: state[name] for name in part})
    evil = OrderedDict(state)
    evil["extra"] = Call(os.system, "echo this must not be printed")
    save("call.bin", evil)
    save("call-older.bin", evil, **older)
    save("eval.bin", Call(eval, "print('this must not be printed')"))
    save("training.bin", {"state_dict": state, "epoch": 3})
    save("whole-network.bin", torch.nn.Linear(2, 2))
    save("truth-values.bin", {"electra.mask": torch.tensor([True, False])})
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), os.path.join(out, "script.bin"))


if __name__ == "__main__":
    main(sys.argv[1])
