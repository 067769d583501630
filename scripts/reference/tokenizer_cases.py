"""Writes what transformers makes of small tokenizer folders, as golden values for our own reader.

    python3 -m venv ENV && ENV/bin/pip install transformers==5.24.0
    ENV/bin/python scripts/reference/tokenizer_cases.py > crates/electra-text/tests/fixtures/transformers_folders.json

Each case is a folder, given as the content of its files, and what `AutoTokenizer` gives there for a
few texts, ids and offsets, and for words one by one: ids. A folder that transformers itself does not read says why.
"""

import json
import logging
import os
import sys
import tempfile

import tokenizers
import transformers
from transformers import AutoTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LOWER = ["the", "siemens", "energy", "sie", "##mens", "-", "é", "e", "cafe", "café", "東", "京", "##京", "##e", "[", "]",
         "ent", "##s", "a", "covid", "##x", "б", "и", "й", "."]
UPPER = ["The", "Siemens", "Café", "A", "Б"]
# As KoELECTRA has them: syllables, and pieces of several; and the letters into which a syllable falls.
HANGUL = ["한국", "##어", "전", "##자", "한", "##국", "##는", "ㅎ", "\u1112", "##\u1161", "##\u11ab"]
# As the models of HFL have them: ideographs, alone and within a word, and words of several.
CHINESE = ["北", "大", "学", "##大", "##学", "北京", "##京大", "的"]
TEXTS = [
    "The Siemens-Energy café, a CAFE.",
    "siemens-energy siemens - energy Sie-mens",
    "[ent]the [MASK] covid covidx COVID the[ent] [ENT]",
    "東京 Бй e\u0301 \u00e9 a\u0000b \u200b",
    "the  \u3000 energy\u2028the\u00a0a",
    "x" * 100 + " " + "x" * 101 + " the",
    "한국어는 전자, 한국 the 한.",
    "北京大学的 the 北大 [unused1] the[unused1]",
]
WORDS = ["The", "siemens-energy", "[ent]", "covid", "Caf\u00e9", "東京"]
CONFIG = {"model_type": "electra"}


def vocabulary(pieces):
    return "".join(piece + "\n" for piece in pieces)


def token(content, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    return {"content": content, **plain, **flags}


def special(content):
    return token(content, normalized=False, special=True)


def library(pieces, added=None, ids=None, max_chars=100, **normalizer):
    """A tokenizer.json as the library writes it."""
    ids = ids or {piece: at for at, piece in enumerate(pieces)}
    named = [{"id": ids[name], **special(name)} for name in SPECIAL]
    settings = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    sequence = lambda name, at: {"Sequence": {"id": name, "type_id": at}}
    mark = lambda name, at: {"SpecialToken": {"id": name, "type_id": at}}
    single = [mark("[CLS]", 0), sequence("A", 0), mark("[SEP]", 0)]
    marks = {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": named + (added or []),
        "normalizer": {"type": "BertNormalizer", **settings, **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single,
            "pair": single + [sequence("B", 1), mark("[SEP]", 1)], "special_tokens": marks,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": max_chars, "vocab": ids,
        },
    }


def cases():
    lower, cased = SPECIAL + LOWER, SPECIAL + LOWER + UPPER
    n = len(lower)

    def folder(pieces=lower, config=None, **files):
        found = {"config.json": CONFIG}
        if pieces is not None:
            found["vocab.txt"] = vocabulary(pieces)
        if config is not None:
            found["tokenizer_config.json"] = config
        return {**found, **{name.replace("__", "."): content for name, content in files.items()}}

    yield "vocab.txt alone", folder()
    yield "vocab.txt alone, with upper case", folder(cased)
    for name, keys in {
        "do_lower_case false": {"do_lower_case": False},
        "do_lower_case true": {"do_lower_case": True},
        "cased without accents": {"do_lower_case": False, "strip_accents": True},
        "uncased with accents": {"do_lower_case": True, "strip_accents": False},
        "ideographs in one piece": {"do_lower_case": True, "tokenize_chinese_chars": False},
        "do_basic_tokenize false": {"do_lower_case": True, "do_basic_tokenize": False},
        "never_split": {"do_lower_case": True, "never_split": ["covid"]},
        "nothing in never_split": {"do_lower_case": True, "never_split": None, "do_basic_tokenize": True},
        "max_input_chars_per_word": {"do_lower_case": True, "max_input_chars_per_word": 200},
        "split_special_tokens": {"do_lower_case": True, "split_special_tokens": True},
        "model_max_length": {"do_lower_case": True, "model_max_length": 4, "padding_side": "left"},
        "another unknown token": {"do_lower_case": True, "unk_token": "the"},
        "another mask token": {"do_lower_case": True, "mask_token": "covid"},
        "a bos token": {"do_lower_case": True, "bos_token": "a"},
        "a bos token of its own": {"do_lower_case": True, "bos_token": "<s>"},
        "a mask token that takes its space": {
            "do_lower_case": True, "mask_token": {"__type": "AddedToken", **special("[MASK]"), "lstrip": True},
        },
        "a token of the model": {"do_lower_case": True, "boe_token": "[ent]"},
    }.items():
        yield f"config: {name}", folder(cased, keys)
    for name in [
        "ElectraTokenizer", "ElectraTokenizerFast", "BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer",
        "ConvBertTokenizerFast", "MobileBertTokenizer", "FunnelTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend",
        "KoBertTokenizer", "BertJapaneseTokenizer", "RobertaTokenizerFast",
    ]:
        yield f"class: {name}", folder(cased, {"tokenizer_class": name, "do_lower_case": False})
        files = {"tokenizer__json": library(cased, lowercase=True)}
        config = {"tokenizer_class": name, "do_lower_case": False}
        yield f"class: {name}, uncased tokenizer.json", folder(cased, config, **files)
    mecab = {"tokenizer_class": "BertJapaneseTokenizer", "do_lower_case": False, "word_tokenizer_type": "mecab",
             "subword_tokenizer_type": "wordpiece", "mecab_kwargs": {"mecab_dic": "ipadic"}}
    yield "class: BertJapaneseTokenizer, MeCab", folder(cased, mecab)
    yield "class in config.json", {**folder(cased, {"do_lower_case": False}),
                                   "config.json": {**CONFIG, "tokenizer_class": "BertJapaneseTokenizer"}}
    auto = {"do_lower_case": False, "auto_map": {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]}}
    yield "class of its own", folder(cased, auto)

    for name, normalizer, config in [
        ("cased, config says uncased", {"lowercase": False}, {"do_lower_case": True}),
        ("uncased, config says cased", {"lowercase": True}, {"do_lower_case": False}),
        ("cased, config silent", {"lowercase": False}, {}),
        ("cased, no config", {"lowercase": False}, None),
        ("accents kept, config silent", {"strip_accents": False}, {"do_lower_case": True}),
        ("accents kept, config says so", {"strip_accents": False}, {"do_lower_case": True, "strip_accents": False}),
        ("ideographs together, config silent", {"handle_chinese_chars": False}, {"do_lower_case": True}),
        ("no cleaning", {"clean_text": False}, {"do_lower_case": True}),
        ("long words", {"max_chars": 200}, {"do_lower_case": True}),
    ]:
        for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
            config_of = None if config is None else {"tokenizer_class": kind, **config}
            if config is None and kind != "ElectraTokenizer":
                continue
            files = {"tokenizer__json": library(cased, **normalizer)}
            yield f"json: {name}, {kind}", folder(cased, config_of, **files)
    other = library(lower)
    other["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFKC"}, other["normalizer"]]}
    for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
        yield f"json: another normalizer, {kind}", folder(lower, {"tokenizer_class": kind}, tokenizer__json=other)
    shifted = {piece: at + (at > 8) for at, piece in enumerate(lower)}
    yield "json: ids with a hole", folder(None, {"do_lower_case": True}, tokenizer__json=library(lower, ids=shifted))
    yield "json: differs from vocab.txt", folder(SPECIAL + LOWER[::-1], {"do_lower_case": True}, tokenizer__json=library(lower))

    two = {"siemens-energy": n, "[ent]": n + 1}
    decoder = {str(at): special(piece) for at, piece in enumerate(SPECIAL)}
    new = {str(n): token("siemens-energy"), str(n + 1): token("[ent]")}
    yield "added: added_tokens.json", folder(added_tokens__json=two)
    yield "added: added_tokens.json, cased", folder(config={"do_lower_case": False}, added_tokens__json=two)
    yield "added: added_tokens.json with an id too high", folder(added_tokens__json={"[ent]": n + 5})
    yield "added: added_tokens.json in another order", folder(added_tokens__json={"[ent]": n + 1, "siemens-energy": n})
    yield "added: a piece of the vocabulary", folder(added_tokens__json={"covid": lower.index("covid")})
    yield "added: upper case", folder(added_tokens__json={"COVID": n})
    yield "added: decoder", folder(config={"do_lower_case": True, "added_tokens_decoder": {**decoder, **new}})
    yield "added: decoder beside an older file", folder(
        config={"do_lower_case": True, "added_tokens_decoder": decoder}, added_tokens__json=two)
    yield "added: decoder of two alone", folder(config={"do_lower_case": True, "added_tokens_decoder": new})
    yield "added: empty decoder beside an older file", folder(
        config={"do_lower_case": True, "added_tokens_decoder": {}}, added_tokens__json=two)
    for flag in ["single_word", "lstrip", "rstrip", "special"]:
        flags = {str(n): token("covid", **{flag: True})} | {str(n + 1): token("[ent]", **{flag: True})}
        yield f"added: {flag}", folder(
            [p for p in lower if p != "covid"], {"do_lower_case": True, "added_tokens_decoder": {
                **decoder, str(n - 1): flags[str(n)], str(n): flags[str(n + 1)]}})
    yield "added: not normalized", folder(
        config={"do_lower_case": True, "added_tokens_decoder": {**decoder, str(n): token("[ent]", normalized=False)}})
    yield "added: decoder with an id too high", folder(
        config={"do_lower_case": True, "added_tokens_decoder": {**decoder, str(n + 3): token("[ent]")}})
    yield "added: decoder that moves a piece", folder(
        config={"do_lower_case": True, "added_tokens_decoder": {**decoder, str(n): token("covid")}})
    yield "added: decoder that moves a special token", folder(
        config={"do_lower_case": True, "added_tokens_decoder": {str(n): special("[MASK]")}})
    yield "added: extra_special_tokens", folder(config={"do_lower_case": True, "extra_special_tokens": ["[ent]"]})
    yield "added: additional_special_tokens", folder(
        config={"do_lower_case": True, "additional_special_tokens": ["[ent]", "covid"]})
    yield "added: extra_special_tokens by name", folder(
        config={"do_lower_case": True, "extra_special_tokens": {"boe_token": "[ent]"}})
    yield "added: special_tokens_map.json", folder(special_tokens_map__json={"additional_special_tokens": ["[ent]"]})
    yield "added: special_tokens_map.json beside a decoder", folder(
        config={"do_lower_case": True, "added_tokens_decoder": decoder},
        special_tokens_map__json={"additional_special_tokens": ["[ent]"], "mask_token": "covid"})
    yield "added: special_tokens_map.json with another mask", folder(special_tokens_map__json={"mask_token": "covid"})
    in_json = library(lower, added=[{"id": n, **token("siemens-energy")}, {"id": n + 1, **token("[ent]")}])
    for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
        yield f"added: tokenizer.json, {kind}", folder(config={"tokenizer_class": kind}, tokenizer__json=in_json)
        yield f"added: tokenizer.json, {kind}, with a decoder", folder(
            config={"tokenizer_class": kind, "added_tokens_decoder": {**decoder, **new}}, tokenizer__json=in_json)
        yield f"added: tokenizer.json, {kind}, decoder without them", folder(
            config={"tokenizer_class": kind, "added_tokens_decoder": decoder}, tokenizer__json=in_json)
        yield f"added: tokenizer.json, {kind}, older file differs", folder(
            config={"tokenizer_class": kind}, added_tokens__json={"covid": 22}, tokenizer__json=in_json)

    at = lower.index("the")
    for name, line in {
        "a line separator": "\u2028", "an ideographic space": "\u3000", "a no-break space": "\u00a0", "nothing": "",
        "a space behind": "the ", "a space before": " the", "a tab": "\t", "a carriage return": "siemens\r",
        "a line separator behind": "the\u2028", "a next line": "\u0085", "a zero-width space": "\u200b",
        "a vertical tab within": "the\u000benergy", "a repeated piece": "covid", "an unused piece": "[unused1]",
    }.items():
        yield f"vocab.txt: {name}", folder(lower[: at + 2] + [line] + lower[at + 2:])
    yield "vocab.txt: empty lines", folder(lower[:8] + [""] + lower[8:14] + ["", ""] + lower[14:])
    yield "vocab.txt: spaces of three kinds", folder(lower[:8] + ["\u2028", "\u3000", "\u00a0"] + lower[8:])
    yield "vocab.txt: a repeated special token", folder(lower + ["[UNK]", "a"])
    yield "vocab.txt: repeated, and added tokens", folder(lower + ["the", "a"], added_tokens__json={"[ent]": n + 2})
    yield "vocab.txt: repeated, and an added token at the number of pieces", folder(
        lower + ["the", "a"], added_tokens__json={"[ent]": n})
    yield "vocab.txt: lines that end in CRLF", {**folder(), "vocab.txt": vocabulary(lower).replace("\n", "\r\n")}
    yield "vocab.txt: no end of the last line", {**folder(), "vocab.txt": vocabulary(lower)[:-1]}
    yield "vocab.txt: an empty line at the end", {**folder(), "vocab.txt": vocabulary(lower) + "\n"}
    yield "vocab.txt: a byte order mark", {**folder(), "vocab.txt": "\ufeff" + vocabulary(lower)}
    yield "vocab.txt: another order of special tokens", folder(LOWER[:4] + SPECIAL[::-1] + LOWER[4:])
    yield "vocab.txt: no mask token", folder([piece for piece in lower if piece != "[MASK]"])


    # Vocabularies and settings of published models, in small.
    korean, chinese = SPECIAL + LOWER + HANGUL, SPECIAL + LOWER + CHINESE
    for name, keys in {
        "cased": {"do_lower_case": False, "model_max_length": 512},
        "uncased with accents": {"do_lower_case": True, "strip_accents": False},
        "uncased, which falls into letters": {"do_lower_case": True},
        "cased without accents, which falls into letters": {"do_lower_case": False, "strip_accents": True},
        "cased, ideographs in one piece": {"do_lower_case": False, "tokenize_chinese_chars": False},
        "do_basic_tokenize": {"do_lower_case": False, "do_basic_tokenize": True, "never_split": None},
    }.items():
        yield f"korean: {name}", folder(korean, keys)
    for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
        config = {"do_lower_case": False, "tokenizer_class": kind}
        yield f"korean: tokenizer.json, {kind}", folder(
            korean, config, tokenizer__json=library(korean, lowercase=False, strip_accents=False))
    special_map = {name: f"[{name[:3].upper()}]" for name in ["cls_token", "sep_token", "pad_token", "unk_token"]}
    special_map["mask_token"] = "[MASK]"
    for name, keys in {
        "BertTokenizer": {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "init_inputs": []},
        "ideographs in one piece": {"do_lower_case": True, "tokenize_chinese_chars": False},
        "cased": {"do_lower_case": False, "tokenize_chinese_chars": True},
    }.items():
        yield f"chinese: {name}", folder(chinese, keys, special_tokens_map__json=special_map)
    named = {name: {"__type": "AddedToken", **special(token)} for name, token in special_map.items()}
    yield "chinese: special tokens as tables", folder(chinese, {"do_lower_case": True, **named})
    tables = {name: special(token) for name, token in special_map.items()}
    yield "chinese: special_tokens_map.json of tables", folder(
        chinese, {"do_lower_case": True}, special_tokens_map__json=tables)
    unused = SPECIAL + ["[unused0]", "[unused1]"] + LOWER
    of_pieces = {str(at): special(piece) for at, piece in enumerate(SPECIAL)} | {
        "5": token("[unused0]", normalized=False), "6": token("[unused1]", normalized=False)}
    yield "unused: pieces alone", folder(unused, {"do_lower_case": True})
    yield "unused: added_tokens.json", folder(unused, {"do_lower_case": True}, added_tokens__json={"[unused1]": 6})
    yield "unused: decoder", folder(unused, {"do_lower_case": True, "added_tokens_decoder": of_pieces})
    yield "unused: decoder, special", folder(unused, {"do_lower_case": True, "added_tokens_decoder": {
        **of_pieces, "6": special("[unused1]")}})
    yield "unused: additional_special_tokens", folder(
        unused, {"do_lower_case": True, "additional_special_tokens": ["[unused0]", "[unused1]"]})
    yield "unused: special_tokens_map.json", folder(
        unused, {"do_lower_case": True}, special_tokens_map__json={"additional_special_tokens": ["[unused1]"]})
    of_library = library(unused, added=[{"id": 6, **token("[unused1]", normalized=False)}])
    for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
        yield f"unused: tokenizer.json, {kind}", folder(
            unused, {"tokenizer_class": kind, "do_lower_case": True}, tokenizer__json=of_library)
    for name, normalizer in {
        "a sequence of one": lambda bert: {"type": "Sequence", "normalizers": [bert]},
        "a sequence with NFC": lambda bert: {"type": "Sequence", "normalizers": [{"type": "NFC"}, bert]},
        "a sequence with Replace": lambda bert: {"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"String": "``"}, "content": "the"}, bert]},
        "none": lambda bert: None,
        "Lowercase": lambda bert: {"type": "Lowercase"},
    }.items():
        for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
            files = library(lower)
            files["normalizer"] = normalizer(files["normalizer"])
            yield f"normalizer: {name}, {kind}", folder(
                lower, {"tokenizer_class": kind, "do_lower_case": True}, tokenizer__json=files)
    for name, pre in {
        "Whitespace": {"type": "Whitespace"},
        "a sequence": {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}]},
        "digits": {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"},
                                                         {"type": "Digits", "individual_digits": True}]},
    }.items():
        for kind in ["ElectraTokenizer", "PreTrainedTokenizerFast"]:
            files = {**library(lower), "pre_tokenizer": pre}
            yield f"pre-tokenizer: {name}, {kind}", folder(
                lower, {"tokenizer_class": kind, "do_lower_case": True}, tokenizer__json=files)


def result(files):
    with tempfile.TemporaryDirectory() as path:
        for name, content in files.items():
            with open(os.path.join(path, name), "w", encoding="utf-8", newline="") as file:
                file.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
        try:
            tokenizer = AutoTokenizer.from_pretrained(path)
            texts = [tokenizer(text)["input_ids"] for text in TEXTS]
            offsets = None
            if tokenizer.is_fast:
                offsets = [tokenizer(text, return_offsets_mapping=True)["offset_mapping"] for text in TEXTS]
            words = tokenizer(WORDS, is_split_into_words=True)["input_ids"]
        except Exception as error:  # whatever keeps transformers from reading it
            return {"error": type(error).__name__}
        return {"class": type(tokenizer).__name__, "texts": texts, "words": words, "offsets": offsets}


def main():
    logging.disable(logging.WARNING)
    found = [{"name": name, "files": files, **result(files)} for name, files in cases()]
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in found)
    head = json.dumps({"versions": versions, "texts": TEXTS, "words": WORDS})[:-1]
    print(f'{head}, "cases": [\n{lines}\n]}}')
    print(f"{len(found)} folders, {sum('error' in case for case in found)} not read by transformers", file=sys.stderr)


if __name__ == "__main__":
    main()
