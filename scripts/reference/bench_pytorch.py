"""The same work in PyTorch, as fast as its eager mode gets: what `electra bench` is held against.

    python3 -m venv ENV && ENV/bin/pip install torch numpy
    ENV/bin/python scripts/reference/bench_pytorch.py step --sizes small --batch 16

Tasks: `step` (a full pretraining step: masking, both networks, sampling, backward, clip, AdamW),
`train` (a fine-tuning step of a tagger with nine labels), `infer` (its forward pass), `latency`
(one sentence of 32 pieces). --dtype bf16 is autocast with 32-bit weights. --onnx FILE runs `infer`
and `latency` in ONNX Runtime on an export of the same network, written if it is not there.
--device cuda is a graphics card: PyTorch's own dropout and attention there, products in true 32 bits, or on
tensor cores with --dtype tf32. --compile goes through torch.compile.

What makes it fast on a CPU: q, k and v in one product; 32-bit products through oneDNN rather than MKL, which
is faster here; dropout by comparing random bytes; fused AdamW; the vocabulary projection at masked
positions only; sampling by inversion of the distribution. Prints one line of JSON.
"""

import argparse
import json
import os
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

# vocabulary, embedding, positions, then hidden, layers, heads of discriminator and generator:
# those of configs/pretrain/small.toml, and the tiny shape that PyTorch was tuned on.
SIZES = {
    "small": (30522, 128, 512, (256, 12, 4), (64, 12, 1)),
    "tiny": (8192, 128, 128, (128, 4, 4), (32, 1, 2)),
    "base": (30522, 768, 512, (768, 12, 12), (256, 12, 4)),
}
LABELS = 9
MASK, FIRST_WORD = 103, 999


class OneDnnLinear(torch.autograd.Function):
    """x @ w.T + b in 32 bits by oneDNN, and its gradients."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        back = torch.ops.mkldnn._linear_pointwise(grad, weight.t().contiguous(), None, "none", [], "")
        return back, grad.t().mm(x), grad.sum(0)


class ByteDropout(torch.autograd.Function):
    """Dropout at the multiple of 1/256 nearest to the rate."""

    @staticmethod
    def forward(ctx, x, rate):
        threshold = round(rate * 256)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = (words.view(torch.uint8)[: x.numel()] >= threshold).view(x.shape)
        ctx.scale = 256 / (256 - threshold)
        ctx.save_for_backward(kept)
        return torch.ops.aten.native_dropout_backward(x, kept, ctx.scale)

    @staticmethod
    def backward(ctx, grad):
        (kept,) = ctx.saved_tensors
        return torch.ops.aten.native_dropout_backward(grad, kept, ctx.scale), None


class Linear(nn.Module):
    def __init__(self, inputs, outputs, onednn):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * 0.02)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.onednn = onednn

    def forward(self, x):
        if self.onednn and torch.is_grad_enabled():
            return OneDnnLinear.apply(x, self.weight, self.bias)
        if self.onednn:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


class Dropout(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if x.is_cuda:
            return F.dropout(x, self.rate, self.training)
        return ByteDropout.apply(x, self.rate) if self.training and self.rate > 0 else x


class Block(nn.Module):
    def __init__(self, hidden, heads, dropout, onednn):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = Linear(hidden, 3 * hidden, onednn), Linear(hidden, hidden, onednn)
        self.up, self.down = Linear(hidden, 4 * hidden, onednn), Linear(4 * hidden, hidden, onednn)
        self.attended, self.ended = nn.LayerNorm(hidden, 1e-12), nn.LayerNorm(hidden, 1e-12)
        self.dropout = Dropout(dropout)

    def forward(self, x, rows):
        hidden = x.shape[-1]
        q, k, v = self.qkv(x).view(rows, -1, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        rate = self.dropout.rate if self.training else 0.0
        if rate > 0 and not x.is_cuda:
            shares = torch.softmax((q * (hidden // self.heads) ** -0.5) @ k.transpose(-1, -2), -1)
            mixed = self.dropout(shares) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
        mixed = mixed.transpose(1, 2).reshape(x.shape)
        x = self.attended(x + self.dropout(self.out(mixed)))
        return self.ended(x + self.dropout(self.down(F.gelu(self.up(x)))))


class Tables(nn.Module):
    def __init__(self, words, width, positions, dropout):
        super().__init__()
        self.word, self.position, self.kind = nn.Embedding(words, width), nn.Embedding(positions, width), nn.Embedding(2, width)
        for table in (self.word, self.position, self.kind):
            nn.init.normal_(table.weight, std=0.02)
        self.norm, self.dropout = nn.LayerNorm(width, 1e-12), Dropout(dropout)

    def forward(self, ids):
        x = self.word(ids) + (self.position.weight[: ids.shape[1]] + self.kind.weight[0])
        return self.dropout(self.norm(x).view(ids.numel(), -1))


class Encoder(nn.Module):
    def __init__(self, width, sizes, dropout, onednn):
        super().__init__()
        hidden, layers, heads = sizes
        self.project = None if width == hidden else Linear(width, hidden, onednn)
        self.blocks = nn.ModuleList(Block(hidden, heads, dropout, onednn) for _ in range(layers))

    def forward(self, x, rows):
        x = x if self.project is None else self.project(x)
        for block in self.blocks:
            x = block(x, rows)
        return x


class Electra(nn.Module):
    def __init__(self, sizes, dropout, onednn):
        super().__init__()
        words, width, positions, discriminator, generator = sizes
        self.tables = Tables(words, width, positions, dropout)
        self.generator = Encoder(width, generator, dropout, onednn)
        self.discriminator = Encoder(width, discriminator, dropout, onednn)
        self.narrow, self.norm = Linear(generator[0], width, onednn), nn.LayerNorm(width, 1e-12)
        self.output_bias = nn.Parameter(torch.zeros(words))
        self.judge, self.verdict = Linear(discriminator[0], discriminator[0], onednn), nn.Linear(discriminator[0], 1)
        self.onednn = onednn

    def forward(self, ids, chosen):
        rows, flat = ids.shape[0], ids.view(-1)
        masked = flat.index_fill(0, chosen, MASK).view_as(ids)
        x = self.generator(self.tables(masked), rows).index_select(0, chosen)
        x = self.norm(F.gelu(self.narrow(x)))
        if self.onednn:
            logits = OneDnnLinear.apply(x, self.tables.word.weight, self.output_bias)
        else:
            logits = F.linear(x, self.tables.word.weight, self.output_bias).float()
        logs = F.log_softmax(logits, -1)
        mlm = F.nll_loss(logs, flat[chosen])
        with torch.no_grad():
            sums = logs.exp().cumsum(-1)
            uniform = torch.rand(len(chosen), 1) * sums[:, -1:]
            sampled = torch.searchsorted(sums, uniform).squeeze(1).clamp_(max=logits.shape[-1] - 1)
        corrupted = flat.index_copy(0, chosen, sampled)
        x = F.gelu(self.judge(self.discriminator(self.tables(corrupted.view_as(ids)), rows)))
        verdict = self.verdict(x).squeeze(-1).float()
        return mlm + 50 * F.binary_cross_entropy_with_logits(verdict, (corrupted != flat).float())


class Tagger(nn.Module):
    def __init__(self, sizes, dropout, onednn):
        super().__init__()
        words, width, positions, discriminator, _ = sizes
        self.tables = Tables(words, width, positions, dropout)
        self.encoder = Encoder(width, discriminator, dropout, onednn)
        self.dropout, self.classifier = Dropout(dropout), nn.Linear(discriminator[0], LABELS)

    def forward(self, ids):
        return self.classifier(self.dropout(self.encoder(self.tables(ids), ids.shape[0])))


def onnx_session(tagger, path, threads):
    import onnxruntime

    if not os.path.exists(path):
        ids = torch.randint(FIRST_WORD, 5000, (2, 16))
        axes = {"ids": {0: "rows", 1: "length"}, "logits": {0: "pieces"}}
        torch.onnx.export(tagger, (ids,), path, input_names=["ids"], output_names=["logits"],
                          dynamic_axes=axes, dynamo=False, opset_version=17)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["step", "train", "infer", "latency"])
    parser.add_argument("--sizes", choices=SIZES, default="small")
    parser.add_argument("--dtype", choices=["fp32", "tf32", "bf16"], default="fp32")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch", type=int, help="rows [16 of step, 1 of latency, else 32]")
    parser.add_argument("--length", type=int, help="pieces of a row [32 of latency, else 128]")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, help="[7, 500 of latency]")
    parser.add_argument("--onnx", metavar="FILE")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    a = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    torch.set_default_device(a.device)
    torch.backends.cuda.matmul.allow_tf32 = a.dtype == "tf32"
    is_latency = a.task == "latency"
    rows = a.batch or {"step": 16, "latency": 1}.get(a.task, 32)
    length = a.length or (32 if is_latency else 128)
    repetitions = a.repetitions or (500 if is_latency else 7)
    is_training = a.task in ("step", "train")
    sizes, onednn = SIZES[a.sizes], a.dtype == "fp32" and a.device == "cpu" and not a.onnx
    dropout = a.dropout if is_training else 0.0
    model = (Electra if a.task == "step" else Tagger)(sizes, dropout, onednn)
    model.train(is_training)
    if a.compile:
        model = torch.compile(model)
    autocast = torch.autocast(torch.device(a.device).type, torch.bfloat16, enabled=a.dtype == "bf16")

    if is_training:
        parameters = list(model.parameters())
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        adam = torch.optim.AdamW(groups, lr=5e-4, eps=1e-6, fused=True)
        masked = round(0.15 * length)

        def run():
            ids = torch.randint(FIRST_WORD, sizes[0], (rows, length))
            with autocast:
                if a.task == "step":
                    chosen = torch.rand(rows, length - 2).argsort(1)[:, :masked] + 1
                    chosen = (chosen + length * torch.arange(rows).unsqueeze(1)).view(-1)
                    loss = model(ids, chosen)
                else:
                    labels = torch.randint(0, LABELS, (rows * length,))
                    labels[torch.rand(rows * length) < 0.2] = -100
                    loss = F.cross_entropy(model(ids).float(), labels, ignore_index=-100)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
            adam.step()
            return loss.item()
    elif a.onnx:
        session = onnx_session(model.eval(), a.onnx, a.threads)

        def run():
            ids = torch.randint(FIRST_WORD, sizes[0], (rows, length))
            return session.run(None, {"ids": ids.numpy()})[0]
    else:

        def run():
            ids = torch.randint(FIRST_WORD, sizes[0], (rows, length))
            with torch.inference_mode(), autocast:
                return model(ids).float().cpu().numpy()

    for _ in range(20 if is_latency else 2):
        run()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    tokens, median = rows * length, statistics.median(seconds)
    print(json.dumps({
        "tokens_per_second": tokens / median,
        "best_tokens_per_second": tokens / min(seconds),
        "milliseconds": {"median": 1e3 * median, "best": 1e3 * min(seconds)},
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "repetition_seconds": seconds,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
