"""OpenVINO GenAI as a peer of `conduit-bench engine`.

It reads GGUF itself (llama and qwen, types Q4_0, Q4_1, Q8_0, F16, Q4_K, Q6_K), or a folder in
OpenVINO's own format. Through its continuous-batching pipeline, without prefix caching; the steps
are called from here, so that the first token's time is known.
"""

import time

import numpy
import openvino
import openvino_genai as genai

import peer_protocol

CACHE_GIB = 2


def open_engine(options):
    scheduler = genai.SchedulerConfig()
    scheduler.max_num_batched_tokens = max(options.prompt, options.batch)
    scheduler.max_num_seqs = options.batch
    scheduler.cache_size = CACHE_GIB
    scheduler.enable_prefix_caching = False
    properties = {"INFERENCE_NUM_THREADS": options.threads, "PERFORMANCE_HINT": "LATENCY"}
    pipeline = genai.ContinuousBatchingPipeline(options.model, scheduler, "CPU", properties)
    config = genai.GenerationConfig()
    config.max_new_tokens = options.generate
    config.ignore_eos = True
    config.do_sample = False
    next_id = 0

    def run(prompts):
        nonlocal next_id
        start = time.perf_counter()
        handles = []
        for prompt in prompts:
            ids = openvino.Tensor(numpy.array([prompt], dtype=numpy.int64))
            handles.append(pipeline.add_request(next_id, ids, config))
            next_id += 1
        waiting = list(handles)
        prefilled = start
        while pipeline.has_non_finished_requests():
            pipeline.step()
            if waiting:
                waiting = [handle for handle in waiting if not handle.can_read()]
                prefilled = time.perf_counter()
        return prefilled - start, time.perf_counter() - prefilled

    return openvino.get_version().split("-")[0], run


peer_protocol.serve(open_engine)
