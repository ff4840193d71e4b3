#include "runtime/graph/chain_events.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/graph/run_events.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace behalf {

/// Who tells an event: a graph, a node, a model.
struct chain_events::source {
  std::string id, name;
  std::vector<std::string> parents; // the run first
  std::string tag;
  json::object metadata;
};

namespace {

// The id of a graph inside: its namespace is its own in the run.
std::string id_of_graph(const run_spec& spec, std::string_view ns) {
  return ns.empty() ? spec.facts->run_id : hash_uuid(spec.facts->run_id + std::string(ns));
}

// The graphs and nodes that the graph at `ns` is inside, the run first: a segment is
// "node:task id", or the number of a node's call.
std::vector<std::string> parents_at(const run_spec& spec, std::string_view ns) {
  std::vector<std::string> all;
  std::size_t outer = 0; // the end of the namespace of the graph around
  for (std::size_t at = 0; at < ns.size();) {
    const auto end = std::min(ns.find('|', at), ns.size());
    const auto segment = ns.substr(at, end - at);
    if (const auto colon = segment.find(':'); colon != segment.npos) {
      all.push_back(id_of_graph(spec, ns.substr(0, outer)));
      all.emplace_back(segment.substr(colon + 1));
    }
    outer = end;
    at = end + 1;
  }
  return all;
}

std::string input_and(std::string_view key, const std::string& value, const std::string& input) {
  json_writer data;
  data.object().raw_member(key, value).raw_member("input", input);
  return data.take();
}

// What a model was asked is known to its node alone.
constexpr std::string_view nothing_asked = R"({"messages":[[]]})";

} // namespace

chain_events::source chain_events::graph_source() const {
  const auto& ns = spec_.place.ns;
  auto metadata = spec_.facts->metadata;
  for (const auto& [key, v] : around_)
    metadata[key] = v;
  return {id_of_graph(spec_, ns), ns.empty() ? spec_.facts->graph_id : flow_.name(),
          parents_at(spec_, ns), ns.empty() ? "" : "seq:step:1", std::move(metadata)};
}

chain_events::source chain_events::task_source(const event_task& t) const {
  auto graph = graph_source();
  graph.parents.push_back(std::move(graph.id));
  graph.id = t.plan->id;
  graph.name = t.plan->name;
  graph.tag = "graph:step:" + std::to_string(t.step);
  auto& m = graph.metadata;
  m["langgraph_step"] = t.step;
  m["langgraph_node"] = t.plan->name;
  m["langgraph_triggers"] = json::array(t.plan->triggers.begin(), t.plan->triggers.end());
  m["langgraph_path"] = t.plan->path();
  m["langgraph_checkpoint_ns"] =
    (spec_.is_inner() ? spec_.place.ns + '|' : "") + t.plan->name + ':' + t.plan->id;
  return graph;
}

chain_events::source chain_events::model_source(const event_task& t,
                                                std::string_view message_id) const {
  auto model = task_source(t);
  model.parents.push_back(model.id);
  model.id = hash_uuid(model.id + std::string(message_id));
  model.name = "ChatModel";
  model.tag = "seq:step:1";
  model.metadata["checkpoint_ns"] = model.metadata["langgraph_checkpoint_ns"];
  model.metadata["ls_model_type"] = "chat";
  return model;
}

void chain_events::push(std::vector<loop_event>& out, std::string_view event, const source& of,
                        std::string_view data) const {
  json_writer text;
  text.reserve(data.size() + 512);
  text.object().member("event", event).raw_member("data", data).member("name", of.name);
  text.key("tags").array();
  if (!of.tag.empty())
    text.value(of.tag);
  text.end().member("run_id", of.id).member("metadata", of.metadata).key("parent_ids").array();
  for (const auto& id : of.parents)
    text.value(id);
  text.end();
  out.push_back({"events", std::make_shared<const std::string>(text.take())});
}

// As the client gave it: an input, or a command.
std::string chain_events::given() const {
  if (!spec_.command)
    return spec_.input ? dump(*spec_.input) : "null";
  const auto& c = *spec_.command;
  auto or_null = [](const auto& v) { return v ? *v : json::value(nullptr); };
  return dump(json::object{{"graph", nullptr},
                           {"update", or_null(c.update)},
                           {"resume", or_null(c.resume)},
                           {"goto", or_null(c.go_to)}});
}

void chain_events::graph_started(std::vector<loop_event>& out, const json::object& metadata) {
  if (!wanted())
    return;
  if (spec_.is_inner())
    for (auto key : {"langgraph_step", "langgraph_node", "langgraph_triggers", "langgraph_path",
                     "langgraph_checkpoint_ns"})
      if (const auto* v = metadata.if_contains(key))
        around_[key] = *v;
  push(out, "on_chain_start", graph_source(), R"({"input":)" + given() + '}');
}

void chain_events::graph_ended(std::vector<loop_event>& out, const graph_state& state) const {
  if (!wanted())
    return;
  json_writer values;
  state_view{state, flow_.shown()}.write(values);
  const auto output = values.take();
  push(out, "on_chain_end", graph_source(),
       spec_.is_inner() ? input_and("output", output, given()) : R"({"output":)" + output + '}');
}

void chain_events::task_started(std::vector<loop_event>& out, const event_task& t,
                                const std::string& input) const {
  if (wanted())
    push(out, "on_chain_start", task_source(t), R"({"input":)" + input + '}');
}

void chain_events::task_done(std::vector<loop_event>& out, const event_task& t,
                             const std::string& input, const std::string& writes) const {
  if (!wanted())
    return;
  const auto node = task_source(t);
  push(out, "on_chain_stream", node, R"({"chunk":)" + writes + '}');
  push(out, "on_chain_end", node, input_and("output", writes, input));
}

void chain_events::chunk(std::vector<loop_event>& out, const event_task& t,
                         const json::object& part) {
  if (!wanted())
    return;
  const auto id = string_or(part, "id");
  const auto model = model_source(t, id);
  if (speaking_.emplace(id).second)
    push(out, "on_chat_model_start", model, R"({"input":)" + std::string(nothing_asked) + '}');
  push(out, "on_chat_model_stream", model, R"({"chunk":)" + dump(part) + '}');
}

void chain_events::message_returned(std::vector<loop_event>& out, const event_task& t,
                                    const json::object& message) {
  const auto told = speaking_.find(string_or(message, "id"));
  if (told == speaking_.end())
    return;
  push(out, "on_chat_model_end", model_source(t, *told),
       input_and("output", dump(message), std::string(nothing_asked)));
  speaking_.erase(told);
}

} // namespace behalf
