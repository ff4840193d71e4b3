// A graph that does in the store what its input says, and says how it went: for the tests of what a
// node may do there.
#include "behalf/plugin.hpp"

using namespace behalf;

namespace {

std::vector<std::string> labels_of(const json::value& what) {
  std::vector<std::string> all;
  if (const auto* ns = member(what, "namespace"); ns && ns->is_array())
    for (const auto& one : ns->get_array())
      all.emplace_back(one.as_string());
  return all;
}

json::value outcome(const error& why) {
  return json::object{{"error", error_class(why)}};
}

coroutine<node_result> keep(state_view state, context ctx) {
  auto what = state["do"];
  auto op = std::string(string_or(what.as_object(), "op"));
  auto key = std::string(string_or(what.as_object(), "key"));
  auto ns = labels_of(what);
  auto value = object_or_empty(what.as_object(), "value");
  auto store = ctx.store();
  json::value said;
  if (op == "get") {
    auto found = co_await store.get(ns, key);
    said = found ? json::value(found->value) : outcome(found.error());
  } else if (op == "put") {
    auto kept = co_await store.put(ns, key, value);
    said = kept ? json::value("kept") : outcome(kept.error());
  } else if (op == "delete") {
    auto gone = co_await store.del(ns, key);
    said = gone ? json::value("gone") : outcome(gone.error());
  } else {
    auto found = co_await store.search(ns);
    json::array values;
    if (found)
      for (const auto& item : *found)
        values.emplace_back(item.value);
    said = found ? json::value(values) : outcome(found.error());
  }
  flow::update out;
  out.set("result", said);
  co_return out;
}

result<std::shared_ptr<const graph>> keeper() {
  graph_builder b{"keeper"};
  b.channel("do", flow::last_value()).channel("result", flow::last_value());
  b.node("keep", keep);
  b.edge(flow::start, "keep").edge("keep", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(keeper());
}
