"""The store: items, searches, namespaces."""


def items(api):
    ns = ["store", "items"]
    at = "/store/items"
    api.call("put", "PUT", at, {"namespace": ns, "key": "k", "value": {"a": 1}})
    api.call("get", "GET", at, params={"namespace": ".".join(ns), "key": "k"})
    api.call("put again", "PUT", at, {"namespace": ns, "key": "k", "value": {"b": [1, {"c": 2}]}})
    api.call("get again", "GET", at, params={"namespace": ".".join(ns), "key": "k"})
    api.call("absent", "GET", at, params={"namespace": ".".join(ns), "key": "no"})
    api.call("no key", "GET", at, params={"namespace": "store.items"})
    api.call("no namespace", "GET", at, params={"key": "k"})
    api.call("blank namespace", "GET", at, params={"namespace": "", "key": "k"})
    api.call("delete", "DELETE", at, {"namespace": ns, "key": "k"})
    api.call("deleted", "GET", at, params={"namespace": ".".join(ns), "key": "k"})
    api.call("delete again", "DELETE", at, {"namespace": ns, "key": "k"})
    api.call("with ttl", "PUT", at, {"namespace": ns, "key": "t", "value": {}, "ttl": 5})
    api.call("null ttl", "PUT", at, {"namespace": ns, "key": "t", "value": {}, "ttl": None})
    api.call("not indexed", "PUT", at, {"namespace": ns, "key": "t", "value": {}, "index": False})
    api.call("indexed", "PUT", at, {"namespace": ns, "key": "t", "value": {}, "index": ["a"]})


def bad_items(api):
    good = {"namespace": ["bad"], "key": "k", "value": {}}
    for field, value in (("namespace", []), ("namespace", ["a.b"]), ("namespace", [""]),
                         ("namespace", ["langgraph"]), ("namespace", "x"), ("namespace", [1]),
                         ("namespace", None), ("key", 7), ("key", None), ("value", None),
                         ("value", 7), ("value", []), ("ttl", "x"), ("index", 7), ("key", "")):
        api.call(f"{field} {value}", "PUT", "/store/items", {**good, field: value})
    for field in good:
        api.call(f"no {field}", "PUT", "/store/items",
                 {k: v for k, v in good.items() if k != field})
    api.call("delete nothing", "DELETE", "/store/items", {})
    api.call("delete without a key", "DELETE", "/store/items", {"namespace": ["bad"]})


def searched(api):
    top = "searched"
    for n, label in enumerate(("a", "a", "b")):
        api.ask("PUT", "/store/items", {"namespace": [top, label], "key": f"k{n}",
                                        "value": {"n": n, "color": "red" if n % 2 else "blue",
                                                  "deep": {"x": n}}})
    search = "/store/items/search"
    pick = lambda found: sorted((one["key"], one["value"]["n"])  # noqa: E731
                                for one in found["items"])
    for name, body in (("all", {}), ("prefix", {"namespace_prefix": [top, "a"]}),
                       ("filter", {"filter": {"color": "blue"}}),
                       *((name, {"filter": {"n": {f"${name}": 1}}})
                         for name in ("eq", "ne", "gt", "gte", "lt", "lte")),
                       ("none", {"filter": {"color": "green"}}),
                       ("deep", {"filter": {"deep": {"x": 1}}}),
                       ("beyond", {"offset": 5})):
        found = api.ask("POST", search, {"namespace_prefix": [top], **body})
        api.note(name, pick(found))
    found = api.ask("POST", search, {"namespace_prefix": [top], "limit": 2})
    api.note("page", len(found["items"]))
    api.note("members", sorted(found["items"][0]))
    api.call("in", "POST", search, {"namespace_prefix": [top], "filter": {"n": {"$in": [1]}}})
    api.call("query without index", "POST", search, {"namespace_prefix": [top, "b"], "query": "x"})
    for field, value in (("namespace_prefix", "x"), ("limit", "x"), ("offset", "x"),
                         ("filter", 7), ("query", 7), ("limit", -1), ("offset", -1)):
        api.call(f"bad {field} {value}", "POST", search, {"namespace_prefix": [top], field: value})
    api.call("no prefix", "POST", search, {"filter": {"n": 77777}})


def namespaces(api):
    for labels in (["ns", "a", "x"], ["ns", "a", "y"], ["ns", "b", "x"], ["ns", "c"]):
        api.ask("PUT", "/store/items", {"namespace": labels, "key": "k", "value": {}})
    at = "/store/namespaces"
    for name, body in (("prefix", {}), ("deeper", {"prefix": ["ns", "a"]}),
                       ("suffix", {"suffix": ["x"]}), ("depth", {"max_depth": 2}),
                       ("wildcard", {"prefix": ["ns", "*", "x"]}), ("page", {"limit": 2}),
                       ("next page", {"limit": 2, "offset": 2}), ("none", {"prefix": ["no"]})):
        api.call(name, "POST", at, {"prefix": ["ns"], **body})
    for field, value in (("prefix", "x"), ("suffix", 7), ("max_depth", "x"), ("limit", "x"),
                         ("offset", "x")):
        api.call(f"bad {field} {value}", "POST", at, {field: value})


def through_the_client(api):
    store = api.sdk.store
    api.note("put", store.put_item(["sdk", "a"], "k", {"v": 1}))
    api.note("get", store.get_item(["sdk", "a"], "k"))
    api.note("search", store.search_items(["sdk"], filter={"v": 1}))
    api.note("namespaces", store.list_namespaces(prefix=["sdk"]))
    api.note("delete", store.delete_item(["sdk", "a"], "k"))
