#include "agents/models/openai_responses.hpp"

#include "agents/models/openai_error.hpp"
#include "agents/models/openai_input.hpp"
#include "agents/models/strict_schema.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace behalf {
namespace {

// --- the request -------------------------------------------------------------------------------

json::array worded_tools(const std::vector<tool_definition>& tools) {
  json::array all;
  for (const auto& tool : tools)
    all.push_back({{"type", "function"},
                   {"name", tool.name},
                   {"description", tool.description},
                   {"parameters", tool.schema},
                   {"strict", false}}); // the API's default is true, which few schemas fit
  return all;
}

json::value worded_choice(const std::string& choice) {
  if (choice == "none" || choice == "auto")
    return json::value(choice);
  if (choice == "any")
    return "required";
  return {{"type", "function"}, {"name", choice}};
}

json::object answer_format(const json::object& schema) {
  auto title = string_or(schema, "title");
  if (title.size() > 64 || !made_of(title, "_-"))
    title = "response";
  return {{"format",
           {{"type", "json_schema"},
            {"name", title},
            {"schema", schema},
            {"strict", fits_strict(schema)}}}};
}

void add_parameters(json::object& body, const json::object& parameters) {
  for (const auto& [name, value] : parameters)
    add_parameter(body, name == "max_tokens" ? json::string_view("max_output_tokens") : name,
                  value);
}

// --- the answer --------------------------------------------------------------------------------

constexpr int64_t most_items = 4096;
constexpr int64_t most_parts = 4096; // of an item, and of all items together
constexpr std::size_t most_id = 512; // bytes

// Where the parts of an item are among all parts, as the answer's keys.
constexpr int64_t item_keys = 2 * most_parts;
constexpr int64_t thoughts_at = most_parts; // a reasoning item's summaries, then its thoughts

json::object citation_of(const json::object& annotation) {
  const auto type = string_or(annotation, "type");
  json::object c{{"type", "citation"}};
  if (type == "url_citation") {
    for (const auto* key : {"url", "title", "start_index", "end_index"})
      if (const auto* value = member(annotation, key))
        c[key] = *value;
    return c;
  }
  if (const auto* name = member(annotation, "filename"))
    c["title"] = *name;
  c["extras"] = annotation;
  return c;
}

class responses_reader : public answer_reader {
public:
  result<void> take(const stream_event& event, answer& to) override;

  bool done() const override { return over_; }

  result<void> end(answer&) override {
    if (over_)
      return {};
    return cut_answer();
  }

private:
  struct part {
    bool begun = false; // some of its text came
    std::size_t annotations = 0;
  };
  struct item {
    int64_t key = 0;
    std::string id = {}, phase = {};
    bool needs_id = false; // of a message or call: other items came before it
    bool done = false;
    bool whole = false;                 // done, and not for running out of tokens
    std::map<int64_t, part> parts = {}; // by slot: content_index, summary_index
  };

  result<void> item_added(const json::object& e, answer& to);
  result<void> item_done(const json::object& e, answer& to);
  result<void> text(const json::object& e, answer& to);
  result<void> refusal(const json::object& e, answer& to);
  result<void> annotation(const json::object& e, answer& to);
  result<void> summary(const json::object& e, answer& to);
  result<void> thought(const json::object& e, answer& to);
  result<void> arguments(const json::object& e, answer& to);
  result<void> completed(const json::object& e, answer& to);
  result<void> incomplete(const json::object& e, answer& to);
  result<void> failed(const json::object& e, answer& to);
  result<void> error_event(const json::object& e, answer& to);

  item* find(std::string_view id, int64_t index);
  result<item*> begin(std::string_view id, int64_t index);
  result<item*> item_of_delta(const json::object& e);
  result<part*> part_of(item& from, int64_t slot);

  result<void> add_text(item& from, int64_t slot, std::string_view more, answer& to);
  result<void> add_refusal(item& from, int64_t slot, std::string_view more, answer& to);
  result<void> add_reasoning(item& from, int64_t slot, std::string_view more, answer& to);
  void name_item(const item& from, int64_t slot, answer& to);

  result<void> finish(item& from, const json::object& whole, answer& to);
  result<void> finish_message(item& from, const json::object& whole, answer& to);
  result<void> finish_reasoning(item& from, const json::object& whole, answer& to);
  void finish_call(item& from, const json::object& whole, answer& to);
  static void open_call(const item& from, const json::object& what, answer& to);
  result<void> finish_response(const json::object& e, answer& to);

  std::map<int64_t, item> items_; // in the order they came
  std::map<std::string, int64_t, std::less<>> by_id_;
  std::map<int64_t, int64_t> by_index_; // the last one of an output_index
  int64_t parts_ = 0;
  bool others_ = false; // there is an item that is neither message nor call
  bool refused_ = false;
  bool over_ = false;
};

result<void> responses_reader::take(const stream_event& event, answer& to) {
  using handler = result<void> (responses_reader::*)(const json::object&, answer&);
  struct reads {
    std::string_view type;
    handler with;
  };
  using self = responses_reader;
  static constexpr std::array known{
    reads{"response.output_text.delta", &self::text},
    reads{"response.function_call_arguments.delta", &self::arguments},
    reads{"response.reasoning_summary_text.delta", &self::summary},
    reads{"response.reasoning_text.delta", &self::thought},
    reads{"response.refusal.delta", &self::refusal},
    reads{"response.output_text.annotation.added", &self::annotation},
    reads{"response.output_item.added", &self::item_added},
    reads{"response.output_item.done", &self::item_done},
    reads{"response.completed", &self::completed},
    reads{"response.incomplete", &self::incomplete},
    reads{"response.failed", &self::failed},
    reads{"error", &self::error_event},
  };
  if (over_ || event.data == "[DONE]")
    return {};
  const auto parsed = parse_json(event.data);
  if (!parsed || !parsed->is_object())
    return unreadable_answer("an event that is no JSON object");
  const auto& e = parsed->get_object();
  const auto type = string_or(e, "type", event.name);
  for (const auto& one : known)
    if (one.type == type)
      return (this->*one.with)(e, to);
  return {};
}

// By its id; some proxies give an item another one in each event, and then its place counts.
responses_reader::item* responses_reader::find(std::string_view id, int64_t index) {
  if (auto at = by_id_.find(id); at != by_id_.end())
    return &items_.at(at->second);
  auto at = by_index_.find(index);
  return at == by_index_.end() ? nullptr : &items_.at(at->second);
}

result<responses_reader::item*> responses_reader::begin(std::string_view id, int64_t index) {
  const auto key = static_cast<int64_t>(items_.size());
  if (key >= most_items || id.size() > most_id)
    return unreadable_answer("an answer of too many items, or too long an id");
  if (!id.empty())
    by_id_[std::string(id)] = key;
  by_index_[index] = key;
  auto& made = items_[key];
  made.key = key * item_keys;
  made.id = id;
  made.needs_id = others_;
  return &made;
}

result<responses_reader::item*> responses_reader::item_of_delta(const json::object& e) {
  const auto id = string_or(e, "item_id");
  const auto index = int_or(e, "output_index", -1);
  if (auto* there = find(id, index))
    return there;
  return begin(id, index);
}

result<responses_reader::part*> responses_reader::part_of(item& from, int64_t slot) {
  if (auto at = from.parts.find(slot); at != from.parts.end())
    return &at->second;
  if (slot < 0 || slot >= item_keys || ++parts_ > most_parts)
    return unreadable_answer("an answer of too many parts");
  return &from.parts[slot];
}

// The API checks by their ids that a reasoning item comes back with what followed it. Where there
// is none, ids say nothing, and without them an answer that is text alone stays plain.
void responses_reader::name_item(const item& from, int64_t slot, answer& to) {
  if (!from.id.empty() && (from.needs_id || !from.phase.empty()))
    to.extra(from.key + slot, "id", json::value(from.id));
  if (!from.phase.empty())
    to.extra(from.key + slot, "phase", json::value(from.phase));
}

result<void> responses_reader::add_text(item& from, int64_t slot, std::string_view more,
                                        answer& to) {
  auto p = part_of(from, slot);
  if (!p)
    return p.error();
  to.text(from.key + slot, more);
  if (!std::exchange((*p)->begun, true))
    name_item(from, slot, to);
  return {};
}

result<void> responses_reader::add_refusal(item& from, int64_t slot, std::string_view more,
                                           answer& to) {
  auto p = part_of(from, slot);
  if (!p)
    return p.error();
  refused_ = true;
  to.refusal(from.key + slot, more);
  if (!std::exchange((*p)->begun, true))
    name_item(from, slot, to);
  return {};
}

result<void> responses_reader::add_reasoning(item& from, int64_t slot, std::string_view more,
                                             answer& to) {
  auto p = part_of(from, slot);
  if (!p)
    return p.error();
  (*p)->begun = (*p)->begun || !more.empty();
  to.reasoning(from.key + slot, more);
  return {};
}

void responses_reader::open_call(const item& from, const json::object& what, answer& to) {
  if (!to.has_call(from.key))
    to.call(from.key, string_or(what, "call_id"), string_or(what, "name"));
}

// Reasoning and calls take their place in the answer now; a message's parts come by themselves.
result<void> responses_reader::item_added(const json::object& e, answer& to) {
  const auto& what = object_or_empty(e, "item");
  const auto id = string_or(what, "id");
  if (by_id_.contains(id))
    return {};
  auto began = begin(id, int_or(e, "output_index", -1));
  if (!began)
    return began.error();
  auto& made = **began;
  made.phase = string_or(what, "phase").substr(0, most_id);
  const auto type = string_or(what, "type");
  others_ = others_ || (type != "message" && type != "function_call");
  if (type == "reasoning")
    return add_reasoning(made, 0, {}, to);
  if (type == "function_call")
    open_call(made, what, to);
  return {};
}

result<void> responses_reader::item_done(const json::object& e, answer& to) {
  const auto& what = object_or_empty(e, "item");
  const auto id = string_or(what, "id");
  const auto index = int_or(e, "output_index", -1);
  auto* there = find(id, index);
  if (there && there->done && there->id != id)
    there = nullptr; // a server that counts all items as its first
  if (!there) {
    auto began = begin(id, index);
    if (!began)
      return began.error();
    there = *began;
  }
  return finish(*there, what, to);
}

result<void> responses_reader::text(const json::object& e, answer& to) {
  auto from = item_of_delta(e);
  if (!from)
    return from.error();
  return add_text(**from, int_or(e, "content_index"), string_or(e, "delta"), to);
}

result<void> responses_reader::refusal(const json::object& e, answer& to) {
  auto from = item_of_delta(e);
  if (!from)
    return from.error();
  return add_refusal(**from, int_or(e, "content_index"), string_or(e, "delta"), to);
}

result<void> responses_reader::annotation(const json::object& e, answer& to) {
  auto from = item_of_delta(e);
  if (!from)
    return from.error();
  const auto slot = int_or(e, "content_index");
  auto p = part_of(**from, slot);
  if (!p)
    return p.error();
  ++(*p)->annotations;
  to.annotation((*from)->key + slot, citation_of(object_or_empty(e, "annotation")));
  return {};
}

result<void> responses_reader::summary(const json::object& e, answer& to) {
  auto from = item_of_delta(e);
  if (!from)
    return from.error();
  const auto slot = int_or(e, "summary_index");
  if (slot >= thoughts_at)
    return unreadable_answer("an answer of too many parts");
  return add_reasoning(**from, slot, string_or(e, "delta"), to);
}

result<void> responses_reader::thought(const json::object& e, answer& to) {
  auto from = item_of_delta(e);
  if (!from)
    return from.error();
  const auto index = int_or(e, "content_index");
  if (index < 0 || index >= most_parts)
    return unreadable_answer("an answer of too many parts");
  return add_reasoning(**from, thoughts_at + index, string_or(e, "delta"), to);
}

// Of a call that nothing announced, the whole item will tell.
result<void> responses_reader::arguments(const json::object& e, answer& to) {
  auto* from = find(string_or(e, "item_id"), int_or(e, "output_index", -1));
  if (!from || !to.has_call(from->key))
    return {};
  auto p = part_of(*from, 0);
  if (!p)
    return p.error();
  const auto more = string_or(e, "delta");
  (*p)->begun = (*p)->begun || !more.empty();
  to.arguments(from->key, more);
  return {};
}

result<void> responses_reader::finish(item& from, const json::object& whole, answer& to) {
  if (std::exchange(from.done, true))
    return {};
  from.whole = string_or(whole, "status") != "incomplete";
  const auto type = string_or(whole, "type");
  others_ = others_ || (type != "message" && type != "function_call");
  if (type == "message")
    return finish_message(from, whole, to);
  if (type == "reasoning")
    return finish_reasoning(from, whole, to);
  if (type == "function_call") {
    finish_call(from, whole, to);
    return {};
  }
  if (type.empty())
    return {};
  if (type == "image_generation_call" && !string_or(whole, "result").empty()) {
    const auto format = string_or(whole, "output_format", "png");
    json::object extras = whole;
    extras.erase("result");
    to.block(from.key, {{"type", "image"},
                        {"base64", string_or(whole, "result")},
                        {"mime_type", "image/" + std::string(format == "svg" ? "svg+xml" : format)},
                        {"extras", std::move(extras)}});
    return {};
  }
  to.block(from.key, {{"type", "non_standard"}, {"value", whole}});
  return {};
}

const json::array& list_of(const json::object& o, std::string_view key) {
  static const json::array none;
  const auto* there = member(o, key);
  return there && there->is_array() ? there->get_array() : none;
}

// What of it did not come piece by piece.
result<void> responses_reader::finish_message(item& from, const json::object& whole, answer& to) {
  int64_t slot = -1;
  for (const auto& one : list_of(whole, "content")) {
    ++slot;
    if (!one.is_object())
      continue;
    const auto& content = one.get_object();
    auto p = part_of(from, slot);
    if (!p)
      return p.error();
    if (string_or(content, "type") == "refusal") {
      if (!(*p)->begun)
        if (auto added = add_refusal(from, slot, string_or(content, "refusal"), to); !added)
          return added;
      continue;
    }
    if (!(*p)->begun)
      if (auto added = add_text(from, slot, string_or(content, "text"), to); !added)
        return added;
    const auto& annotations = list_of(content, "annotations");
    for (auto& n = (*p)->annotations; n < annotations.size(); ++n)
      if (annotations[n].is_object())
        to.annotation(from.key + slot, citation_of(annotations[n].get_object()));
  }
  return {};
}

result<void> responses_reader::finish_reasoning(item& from, const json::object& whole, answer& to) {
  for (const auto* place : {"summary", "content"}) {
    auto slot = place == std::string_view("summary") ? 0 : thoughts_at;
    for (const auto& one : list_of(whole, place)) {
      auto p = part_of(from, slot);
      if (!p)
        return p.error();
      if (one.is_object() && !(*p)->begun)
        if (auto added = add_reasoning(from, slot, string_or(one.get_object(), "text"), to); !added)
          return added;
      ++slot;
    }
  }
  if (from.parts.empty())
    if (auto added = add_reasoning(from, 0, {}, to); !added)
      return added;
  // What it says now counts: earlier events may hold a shorter encrypted_content.
  const auto id = string_or(whole, "id", from.id);
  for (const auto& [slot, unused] : from.parts) {
    to.extra(from.key + slot, "id", json::value(id));
    if (slot >= thoughts_at)
      to.extra(from.key + slot, "kind", "reasoning_text");
  }
  const auto hidden = string_or(whole, "encrypted_content");
  if (!hidden.empty())
    to.extra(from.key + from.parts.begin()->first, "encrypted_content", json::value(hidden));
  return {};
}

void responses_reader::finish_call(item& from, const json::object& whole, answer& to) {
  open_call(from, whole, to);
  auto& got = from.parts[0];
  const auto all = string_or(whole, "arguments");
  if (!std::exchange(got.begun, got.begun || !all.empty()))
    to.arguments(from.key, all);
  if (const auto id = string_or(whole, "id"); from.needs_id && !id.empty())
    to.call_extra(from.key, "id", json::value(id));
  for (const auto* key : {"namespace", "caller", "async"})
    if (const auto* said = member(whole, key); said && !said->is_null())
      to.call_extra(from.key, key, *said);
}

// The whole response once more: items that no event of their own told of, and what it cost.
result<void> responses_reader::finish_response(const json::object& e, answer& to) {
  over_ = true;
  const auto& all = object_or_empty(e, "response");
  int64_t index = -1;
  for (const auto& one : list_of(all, "output")) {
    ++index;
    if (!one.is_object())
      continue;
    const auto& what = one.get_object();
    auto* there = find(string_or(what, "id"), index);
    if (!there) {
      auto began = begin(string_or(what, "id"), index);
      if (!began)
        return began.error();
      there = *began;
    }
    if (auto done = finish(*there, what, to); !done)
      return done;
  }
  // Of a call that was cut before its arguments: no arguments at all would read as {}.
  for (auto& [key, one] : items_)
    if (to.has_call(one.key) && !one.whole && !one.parts[0].begun)
      to.arguments(one.key, "{");
  if (const auto& used = object_or_empty(all, "usage"); !used.empty()) {
    const auto& in = object_or_empty(used, "input_tokens_details");
    const auto& out = object_or_empty(used, "output_tokens_details");
    to.usage({.input = int_or(used, "input_tokens"),
              .output = int_or(used, "output_tokens"),
              .cache_read = int_or(in, "cached_tokens"),
              .cache_creation = int_or(in, "cache_write_tokens"),
              .reasoning = int_or(out, "reasoning_tokens")});
  }
  if (const auto* id = member(all, "id"))
    to.response("id", *id);
  if (const auto* model = member(all, "model"))
    to.response("model_name", *model);
  if (const auto* tier = member(all, "service_tier"); tier && tier->is_string())
    to.response("service_tier", *tier);
  return {};
}

result<void> responses_reader::completed(const json::object& e, answer& to) {
  if (auto done = finish_response(e, to); !done)
    return done;
  const bool calls = std::any_of(items_.begin(), items_.end(),
                                 [&](const auto& one) { return to.has_call(one.second.key); });
  to.stop(calls      ? stop_reason::tool_calls
          : refused_ ? stop_reason::refusal
                     : stop_reason::end,
          "status", "completed");
  return {};
}

result<void> responses_reader::incomplete(const json::object& e, answer& to) {
  if (auto done = finish_response(e, to); !done)
    return done;
  const auto& details = object_or_empty(object_or_empty(e, "response"), "incomplete_details");
  const auto reason = string_or(details, "reason");
  to.stop(reason == "max_output_tokens" ? stop_reason::length
          : reason == "content_filter"  ? stop_reason::content_filter
                                        : stop_reason::other,
          "status", "incomplete");
  to.response("incomplete_details", details);
  return {};
}

// What it says of itself may pass; all else is about what was sent: images, files, places.
result<void> responses_reader::failed(const json::object& e, answer&) {
  over_ = true;
  const auto& said = object_or_empty(object_or_empty(e, "response"), "error");
  auto why = openai_stream_error(said);
  const auto code = string_or(said, "code");
  if (why.kind == "model_unavailable" && !code.empty() && code != "server_error"
      && code != "vector_store_timeout")
    why.kind = "model_bad_request";
  return why;
}

result<void> responses_reader::error_event(const json::object& e, answer&) {
  over_ = true;
  return openai_stream_error(e);
}

class responses_wire : public model_wire {
public:
  result<http_operation> request(const model_options& model,
                                 const chat_request& what) const override {
    auto input = openai_input(what.messages);
    if (!input)
      return input.error();
    json::object body{{"model", model.model},
                      {"store", false},
                      {"include", json::array{"reasoning.encrypted_content"}}};
    if (!what.system.empty())
      body["instructions"] = what.system;
    if (!what.tools.empty()) {
      body["tools"] = worded_tools(what.tools);
      body["tool_choice"] = worded_choice(what.tool_choice);
    }
    if (!what.response_schema.empty())
      body["text"] = answer_format(what.response_schema);
    add_parameters(body, model.parameters);
    add_parameters(body, what.parameters);
    body["input"] = std::move(*input);
    body["stream"] = true;
    return http_operation{.method = "POST",
                          .path = "/responses",
                          .headers = {{"accept", "text/event-stream"}},
                          .body = std::move(body),
                          .stream = true};
  }

  std::unique_ptr<answer_reader> reader(const model_options&) const override {
    return std::make_unique<responses_reader>();
  }

  model_failure failure(int status, const header_list& headers,
                        std::string_view body) const override {
    return openai_failure(status, headers, body);
  }

  bool takes_schema(const model_options&, const json::object&, bool) const override { return true; }

  std::string_view provider(const model_options&) const override { return "openai"; }
};

} // namespace

const model_wire& openai_wire() {
  static const responses_wire wire;
  return wire;
}

} // namespace behalf
