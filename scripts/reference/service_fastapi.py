"""The server that people write around transformers' pipeline for token classification, to be compared with.

    MODEL=DIR MODE=plain|batched uvicorn --app-dir scripts/reference service_fastapi:app --port PORT

`plain` calls the pipeline for each request, on one of FastAPI's threads. `batched` gathers what comes within
2 ms, at most 32 requests, and calls the pipeline once for all of them.
"""

import asyncio
import os
from contextlib import asynccontextmanager

import torch
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

AT_ONCE = 32
GATHER = 0.002

torch.set_num_threads(1)
tag = pipeline("token-classification", model=os.environ["MODEL"], aggregation_strategy="first", device=-1)
is_batched = {"plain": False, "batched": True}[os.environ["MODE"]]
waiting: asyncio.Queue = asyncio.Queue()


class Asked(BaseModel):
    text: str


def plain_data(entities):
    """Without numpy's numbers, which JSON does not know."""
    return [{**entity, "score": float(entity["score"])} for entity in entities]


async def batches():
    """Tags what is asked, several texts at a time."""
    loop = asyncio.get_running_loop()
    while True:
        asked = [await waiting.get()]
        end = loop.time() + GATHER
        while len(asked) < AT_ONCE and (left := end - loop.time()) > 0:
            try:
                asked.append(await asyncio.wait_for(waiting.get(), left))
            except asyncio.TimeoutError:
                break
        texts = [text for text, _ in asked]
        found = await loop.run_in_executor(None, lambda: tag(texts, batch_size=AT_ONCE))
        for (_, answer), entities in zip(asked, found):
            if not answer.cancelled():
                answer.set_result(plain_data(entities))


@asynccontextmanager
async def lifespan(_):
    task = asyncio.create_task(batches()) if is_batched else None
    yield
    if task:
        task.cancel()


app = FastAPI(lifespan=lifespan)

if is_batched:

    @app.post("/v1/tag")
    async def answer_batched(asked: Asked):
        answer = asyncio.get_running_loop().create_future()
        await waiting.put((asked.text, answer))
        return {"entities": await answer}

else:

    @app.post("/v1/tag")
    def answer_plain(asked: Asked):
        return {"entities": plain_data(tag(asked.text))}
