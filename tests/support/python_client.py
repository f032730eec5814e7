"""A thread-per-request streaming client, as one writes it without a library: what `selftest`
compares the lab's own client with.

Arguments: URL STREAMS REQUESTS CHUNKS PROMPT. Prints one line of JSON.
"""

import json
import queue
import sys
import threading
import time
import urllib.request


def stream(url, number, chunks, prompt):
    """Sends one request; returns the instants of its chunks of text, in seconds."""
    body = {
        "model": "default_model",
        "messages": [{"role": "user", "content": f"{number} {prompt}"}],
        "max_tokens": chunks,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    instants = []
    usage = None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=120) as response:
        for line in response:
            at = time.perf_counter()
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                break
            event = json.loads(data)
            usage = event.get("usage") or usage
            if event["choices"] and event["choices"][0]["delta"].get("content"):
                instants.append(at)
    if usage is None or usage["completion_tokens"] != len(instants):
        raise ValueError("the answer is not complete")
    return instants


def main():
    url, streams, requests, chunks, prompt = sys.argv[1:]
    waiting = queue.SimpleQueue()
    for number in range(int(requests)):
        waiting.put(number)
    seen = []
    errors = []

    def work():
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                seen.append(stream(url, number, int(chunks), prompt))
            except Exception as error:
                errors.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(int(streams))]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures = {
        "chunks": sum(map(len, seen)),
        "errors": len(errors),
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
    }
    if errors:
        print(errors[0], file=sys.stderr)
    print(json.dumps(figures))


main()
