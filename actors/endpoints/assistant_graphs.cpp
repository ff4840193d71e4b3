// The graph of an assistant: its drawing, its schemas and the graphs inside it.
#include "actors/endpoints/assistant_rows.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "runtime/base/text.hpp"
#include "runtime/graph/graph.hpp"

#include <algorithm>
#include <limits>

namespace behalf::endpoints {
namespace {

using graph_ptr = std::shared_ptr<const graph>;

// The graph as this assistant's configuration makes it.
result<graph_ptr> graph_of(request_pointer self, const record& assistant) {
  const auto& graphs = self->state.app->graphs;
  const auto* entry = graphs.by_graph(assistant.graph_id);
  if (!entry)
    return fail(errc::not_found, "The graph '" + assistant.graph_id + "' of assistant "
                                   + assistant.id + " is not served any more. Expected one of: ["
                                   + graphs.names() + "]");
  auto made =
    entry->graph_for(assistant.id, {object_or_empty(assistant.doc, "config"),
                                    object_or_empty(assistant.doc, "context"), assistant.metadata});
  if (!made)
    return fail(errc::invalid_argument,
                "The graph cannot be made of this assistant's configuration: "
                  + made.error().message);
  return made;
}

// Answers what `show` makes of the graph, for who may read its assistant.
template <class Show>
void answer_of_graph(request_pointer self, Show show) {
  with_system_assistants(self, [self, show] {
    const auto id = std::string(string_or(self->state.granted.value, "assistant_id"));
    look_up(self, {kind::assistant, tenant_of(self), id}, [self, show](const row_ptr& row) {
      if (!row)
        return refuse(self, fail(errc::not_found, "Not Found"));
      auto made = graph_of(self, *row);
      if (!made)
        return refuse(self, made.error());
      answer(self, 200, show(**made, *row));
    });
  });
}

// --- drawing -----------------------------------------------------------------------------------

// How deep graphs inside are drawn: `true` means all of them.
result<int64_t> read_depth(request_pointer self) {
  constexpr auto all = std::numeric_limits<int64_t>::max();
  const auto* text = text_query(self, "xray");
  const auto word = text ? ascii_lower(*text) : std::string{};
  if (word.empty() || word == "false")
    return 0;
  if (word == "true")
    return all;
  const bool number =
    std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number || word.find_first_not_of('0') == word.npos)
    return fail(errc::invalid_argument, "Invalid xray value");
  constexpr std::size_t safe_digits = 18; // no graph is deeper
  return word.size() > safe_digits ? all : std::stoll(word);
}

// Here alone an assistant may be named by its graph.
result<json::object> prepare_drawing(request_pointer self) {
  if (auto depth = read_depth(self); !depth)
    return depth.error();
  if (const auto* entry = self->state.app->graphs.by_graph(self->state.params["assistant_id"]))
    return json::object{{"assistant_id", entry->assistant_id}};
  return prepare_assistant(self);
}

void draw(request_pointer self) {
  const auto depth = read_depth(self).value();
  answer_of_graph(self, [depth](const graph& g, const record&) { return g.drawing(depth); });
}

// --- schemas -----------------------------------------------------------------------------------

void schemas(request_pointer self) {
  answer_of_graph(self, [](const graph& g, const record& assistant) {
    auto all = g.schemas();
    all["graph_id"] = assistant.graph_id;
    return all;
  });
}

// Those of one place, wherever it is, or of all at the top: with `recurse` those inside them too.
json::object schemas_inside(const graph& g, std::string_view place, bool recurse) {
  json::object all;
  for (const auto& inner : g.subgraphs(recurse || !place.empty()))
    if (place.empty() || inner.place == place)
      all[inner.place] = inner.what->schemas();
  return all;
}

void subgraphs(request_pointer self) {
  const std::string place(self->state.params["namespace"]);
  const auto recurse = flag_query(self, "recurse");
  answer_of_graph(self, [place, recurse](const graph& g, const record&) {
    return schemas_inside(g, place, recurse);
  });
}

// --- user interfaces ---------------------------------------------------------------------------

result<json::object> prepare_ui(request_pointer self) {
  const auto* entry = self->state.app->graphs.by_graph(self->state.params["graph_id"]);
  return json::object{
    {"assistant_id", entry ? json::value(entry->assistant_id) : json::value(nullptr)}};
}

// Graphs here bring no parts of web pages along, which clients ask for to show in theirs.
void no_ui(request_pointer self) {
  const std::string graph_id(self->state.params["graph_id"]);
  answer_text(self, 404, "UI not found for graph '" + graph_id + "'", "text/plain");
}

} // namespace

std::vector<route> assistant_graph_routes() {
  const auto to_read = access::to("assistants", "read");
  return {
    {verb::get, "/assistants/{assistant_id}/graph", to_read, prepare_drawing, draw,
     "Draw an assistant's graph"},
    {verb::get, "/assistants/{assistant_id}/schemas", to_read, prepare_assistant, schemas,
     "Get the JSON Schemas of an assistant's graph"},
    {verb::get, "/assistants/{assistant_id}/subgraphs", to_read, prepare_assistant, subgraphs,
     "Get the schemas of the graphs inside an assistant's graph"},
    {verb::get, "/assistants/{assistant_id}/subgraphs/{namespace}", to_read, prepare_assistant,
     subgraphs, "Get the schemas of one of the graphs inside an assistant's graph"},
    {verb::post, "/ui/{graph_id}", to_read, prepare_ui, no_ui,
     "Get a graph's user interface: there is none"},
  };
}

} // namespace behalf::endpoints
