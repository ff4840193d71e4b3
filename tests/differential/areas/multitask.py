"""Several runs on one thread at once."""


def _two(api, strategy, **body):
    thread = api.thread()
    first = api.begin(thread, "slow", {"n": 12, "delay": 0.15, "log": ["1"]})
    api.until_status(thread, first, "running")
    at = f"/threads/{thread}/runs"
    answer = api.request("POST", at, {
        "assistant_id": "slow", "input": {"n": 1, "delay": 0, "log": ["2"]},
        "multitask_strategy": strategy, **body})
    return thread, first, answer


def enqueue(api):
    thread, first, answer = _two(api, "enqueue")
    second = answer.json()["run_id"]
    api.note("second", answer.json()["status"])
    api.note("busy", api.ask("GET", f"/threads/{thread}")["status"])
    api.note("first ends", api.until_status(thread, first, "success", "interrupted"))
    api.note("second ends", api.until_status(thread, second, "success"))
    log = api.ask("GET", f"/threads/{thread}/state")["values"]["log"]
    api.note("log", log)


def reject(api):
    thread, first, answer = _two(api, "reject")
    api.note("second", {"status": answer.status_code, "body": answer.json()})
    api.note("runs", len(api.ask("GET", f"/threads/{thread}/runs")))
    api.ask("POST", f"/threads/{thread}/runs/{first}/cancel?wait=1")
    delayed = api.begin(thread, "echo", {"text": "x"}, after_seconds=600)
    answer = api.request("POST", f"/threads/{thread}/runs", {
        "assistant_id": "echo", "multitask_strategy": "reject"})
    api.note("beside a delayed one", answer.status_code)
    api.request("POST", f"/threads/{thread}/runs/{delayed}/cancel")


def interrupt(api):
    thread, first, answer = _two(api, "interrupt")
    second = answer.json()["run_id"]
    api.note("first ends", api.until_status(thread, first, "success", "interrupted", "gone"))
    api.note("second ends", api.until_status(thread, second, "success", "error"))
    log = api.ask("GET", f"/threads/{thread}/state")["values"]["log"]
    api.note("begins with the first's", log[0] == "1" and "2" in log)
    api.note("thread", api.ask("GET", f"/threads/{thread}")["status"])


def rollback(api):
    thread, first, answer = _two(api, "rollback")
    second = answer.json()["run_id"]
    api.note("second ends", api.until_status(thread, second, "success", "error"))
    api.call("first", "GET", f"/threads/{thread}/runs/{first}")
    api.note("log", api.ask("GET", f"/threads/{thread}/state")["values"]["log"])
    api.note("runs", len(api.ask("GET", f"/threads/{thread}/runs")))


def in_order(api):
    thread = api.thread()
    runs = [api.begin(thread, "slow", {"n": 1, "log": [str(n)]}) for n in range(5)]
    for one in runs:
        api.until_status(thread, one, "success")
    log = api.ask("GET", f"/threads/{thread}/state")["values"]["log"]
    api.note("log", log)


def cancelled_in_the_queue(api):
    thread = api.thread()
    first = api.begin(thread, "slow", {"n": 200, "delay": 0.1})
    second = api.begin(thread, "echo", {"text": "x"})
    api.until_status(thread, first, "running")
    at = f"/threads/{thread}/runs"
    api.call("second", "POST", f"{at}/{second}/cancel?wait=1")
    api.note("second is", api.until_status(thread, second, "interrupted", "gone"))
    api.ask("POST", f"{at}/{first}/cancel?wait=1")
    api.note("thread", api.ask("GET", f"/threads/{thread}")["status"])
