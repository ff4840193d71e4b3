#include "agents/models/model_options.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/item_rules.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/value_filter.hpp"
#include "runtime/graph/load_plugin.hpp"
#include "runtime/graph/run_config.hpp"
#include "testing/run_driver.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>

namespace behalf::testing {
namespace {

// A tool's result as MCP servers word it; nodes read `structuredContent` or the text.
json::value as_tool_result(json::value with) {
  auto text = with.is_string() ? std::string(with.get_string()) : dump(with);
  json::object result{{"content", {{{"type", "text"}, {"text", std::move(text)}}}},
                      {"isError", false}};
  if (with.is_object())
    result["structuredContent"] = std::move(with);
  return result;
}

json::array as_json(const std::vector<std::string>& names) {
  return json::array(names.begin(), names.end());
}

// What run creation takes: "*" stands for all, not beside others.
json::value as_breakpoints(const std::vector<std::string>& nodes) {
  if (nodes == std::vector<std::string>{"*"})
    return "*";
  return as_json(nodes);
}

bool is_http(std::string_view what) {
  return what.find(' ') != what.npos;
}

recorded_call worded(const service_call& call) {
  recorded_call made{call.service, {}, nullptr};
  if (const auto* http = std::get_if<http_operation>(&call.operation)) {
    made.what = http->method + " " + http->path;
    made.arguments = http->body.value_or(nullptr);
  } else if (const auto* tool = std::get_if<call_tool_operation>(&call.operation)) {
    made.what = tool->name;
    made.arguments = tool->arguments;
  } else {
    made.what = "tools/list";
  }
  return made;
}

} // namespace

std::vector<json::value> outcome::data(std::string_view name) const {
  std::vector<json::value> found;
  for (const auto& one : events)
    if (one.name == name)
      found.push_back(one.data);
  return found;
}

scripted_service& scripted_service::answers(std::string what, json_arg with, unsigned status) {
  service_reply reply;
  reply.status = status;
  auto value = std::move(with).take();
  reply.body = is_http(what) ? std::move(value) : as_tool_result(std::move(value));
  return answers_by(std::move(what),
                    [reply](const recorded_call&) -> result<service_reply> { return reply; });
}

scripted_service& scripted_service::fails(std::string what, error why) {
  return answers_by(std::move(what),
                    [why](const recorded_call&) -> result<service_reply> { return why; });
}

scripted_service& scripted_service::streams(std::string what, std::vector<std::string> parts) {
  answers_by(std::move(what),
             [](const recorded_call&) -> result<service_reply> { return service_reply{}; });
  answers_.back().parts = std::move(parts);
  return *this;
}

scripted_service& scripted_service::never_answers(std::string what) {
  answers_by(std::move(what), {});
  return *this;
}

scripted_service& scripted_service::answers_by(std::string what, answer_fn function) {
  answers_.push_back({std::move(what), std::move(function)});
  return *this;
}

scripted_model& scripted_model::says(std::string text) {
  answers_.push_back({std::move(text), {}, {}});
  return *this;
}

scripted_model& scripted_model::calls(std::vector<call> all) {
  json::array made;
  for (auto& one : all) {
    auto args = std::move(one.args).take();
    auto text = args.is_string() ? std::string(args.get_string()) : dump(args);
    made.push_back(
      {{"type", "function"}, {"function", {{"name", one.name}, {"arguments", std::move(text)}}}});
  }
  answers_.push_back({{}, std::move(made), {}});
  return *this;
}

scripted_model& scripted_model::fails(error why) {
  answers_.push_back({{}, {}, std::move(why)});
  return *this;
}

namespace {

// An event of a stream of Chat Completions.
std::string chat_event(json::object delta, json::value finish_reason) {
  json::object choice{
    {"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish_reason)}};
  json::object chunk{{"object", "chat.completion.chunk"}, {"choices", {std::move(choice)}}};
  return "data: " + dump(chunk) + "\n\n";
}

// Word by word, as models answer.
void add_text(std::deque<std::string>& parts, std::string_view text) {
  while (!text.empty()) {
    const auto word = text.substr(0, text.find_first_not_of(' ', text.find(' ')));
    parts.push_back(
      chat_event({{"content", json::string_view{word.data(), word.size()}}}, nullptr));
    text.remove_prefix(word.size());
  }
}

// Refuses what the server refuses.
result<void> check(const store_put& op) {
  if (auto ok = check_namespace(op.ns, false); !ok)
    return ok;
  if (auto ok = check_item_key(op.key); !ok)
    return ok;
  if (auto ok = check_ttl(op.ttl_minutes.value_or(0)); !ok)
    return ok;
  return check_storable(op.value);
}

result<void> check(const store_search& op) {
  if (auto ok = check_namespace(op.prefix, true); !ok)
    return ok;
  auto filter = value_filter::parse(op.filter);
  return filter ? result<void>{} : filter.error();
}

result<void> check(const store_list& op) {
  if (auto ok = check_namespace(op.prefix, true); !ok)
    return ok;
  return check_labels(op.suffix);
}

template <class Op> // get, delete
result<void> check(const Op& op) {
  return check_namespace(op.ns, false);
}

bool fits_label(const std::string& pattern, const std::string& label) {
  return pattern == "*" || pattern == label;
}

// As the server lists them.
std::vector<std::vector<std::string>> namespaces_of(const std::vector<stored_item>& items,
                                                    const store_list& op) {
  std::set<std::vector<std::string>> all;
  for (const auto& one : items) {
    auto ns = one.ns;
    if (ns.size() < std::max(op.prefix.size(), op.suffix.size())
        || !std::equal(op.prefix.begin(), op.prefix.end(), ns.begin(), fits_label)
        || !std::equal(op.suffix.rbegin(), op.suffix.rend(), ns.rbegin(), fits_label))
      continue;
    if (op.max_depth > 0 && static_cast<int64_t>(ns.size()) > op.max_depth)
      ns.resize(static_cast<std::size_t>(op.max_depth));
    all.insert(std::move(ns));
  }
  const auto size = static_cast<int64_t>(all.size());
  const auto from = std::clamp<int64_t>(op.offset, 0, size);
  const auto to = std::min(size, from + std::clamp<int64_t>(op.limit, 1, 1000));
  return {std::next(all.begin(), from), std::next(all.begin(), to)};
}

} // namespace

memory_store& memory_store::put(labels ns, std::string_view key, object_arg value) {
  const auto now = behalf::now();
  stored_item item{std::move(ns).take(), std::string(key), std::move(value.values), now, now};
  check(store_put{item.ns, item.key, item.value}).value();
  auto same = [&](const stored_item& one) { return one.ns == item.ns && one.key == item.key; };
  if (auto old = std::find_if(items_.begin(), items_.end(), same); old != items_.end()) {
    item.created_at = old->created_at;
    items_.erase(old);
  }
  items_.push_back(std::move(item));
  return *this;
}

const json::object* memory_store::find(labels ns, std::string_view key) const {
  const auto place = std::move(ns).take();
  for (const auto& one : items_)
    if (one.ns == place && one.key == key)
      return &one.value;
  return nullptr;
}

struct graph_runner::impl {
  std::shared_ptr<const graph> flow; // null until a factory made it
  graph_factory make;
  kept_checkpoints thread;
  std::map<std::string, scripted_service> services;
  std::map<std::string, scripted_model> models;
  memory_store store;
  std::optional<principal> who;
  json::object configurable;
  json::value context;
  json::array modes{"updates", "messages-tuple", "custom"};
  json::value before, after;
  std::vector<recorded_call> calls;
  std::map<uint64_t, std::deque<std::string>> streams;
  uint64_t last_stream = 0;
  int tool_calls = 0; // tools that models called
  int runs = 0;
  std::chrono::milliseconds slept{0};

  outcome run(json::value input, json::value command);
  merged_config configuration(const run_ids& ids) const;
  std::shared_ptr<const model_directory> directory() const;
  std::optional<effect_reply> reply_to(const effect& asked);
  std::optional<effect_reply> reply_to(const service_call& call);
  effect_reply reply_to(const model_call& call);
  effect_reply reply_to(const store_operation& op);
  effect_reply next_part(uint64_t stream);
  scripted_service::answer* find(const recorded_call& request);
  std::string known(const recorded_call& request) const;
};

bool is_meant(const std::string& what, const std::string& asked) {
  if (!what.ends_with('*'))
    return what == asked;
  return asked.starts_with(std::string_view(what).substr(0, what.size() - 1));
}

scripted_service::answer* graph_runner::impl::find(const recorded_call& request) {
  auto service = services.find(request.service);
  if (service == services.end())
    return nullptr;
  scripted_service::answer* last = nullptr;
  for (auto& one : service->second.answers_)
    if (is_meant(one.what, request.what)) {
      last = &one;
      if (!one.given)
        break;
    }
  return last;
}

// For a call that nobody scripted.
std::string graph_runner::impl::known(const recorded_call& request) const {
  auto service = services.find(request.service);
  if (service == services.end() || service->second.answers_.empty())
    return "the test scripts no answers of '" + request.service + "'";
  std::string all;
  for (const auto& one : service->second.answers_)
    all += (all.empty() ? "" : ", ") + one.what;
  return "'" + request.service + "' answers: " + all;
}

std::optional<effect_reply> graph_runner::impl::reply_to(const service_call& call) {
  calls.push_back(worded(call));
  const auto request = calls.back();
  auto* found = find(request);
  if (!found && request.what == "tools/list" && services.contains(request.service)) {
    std::set<std::string> names;
    for (const auto& one : services.at(request.service).answers_)
      if (!is_http(one.what))
        names.insert(one.what);
    json::array tools;
    for (const auto& name : names)
      tools.push_back(json::object{{"name", name}, {"inputSchema", {{"type", "object"}}}});
    service_reply reply;
    reply.body = json::object{{"tools", std::move(tools)}};
    return reply;
  }
  if (!found)
    return fail(errc::not_found, "not scripted: " + request.what + "; " + known(request));
  found->given = true;
  if (!found->make)
    return std::nullopt;
  auto reply = found->make(request);
  if (!reply)
    return reply.error();
  const auto* http = std::get_if<http_operation>(&call.operation);
  if (http && http->stream && found->parts.empty()) { // one part of what is no list of parts
    const auto* text = reply->body.if_string();
    streams[++last_stream] = {text ? std::string(*text) : dump(reply->body)};
    reply->stream_id = last_stream;
    if (!text && !find_header(reply->headers, "content-type"))
      reply->headers.emplace_back("Content-Type", "application/json");
  } else if (!found->parts.empty()) {
    reply->stream_id = ++last_stream;
    streams[last_stream].assign(found->parts.begin(), found->parts.end());
  }
  return std::move(*reply);
}

effect_reply graph_runner::impl::reply_to(const model_call& call) {
  auto& model = models[call.model];
  model.asked_.push_back(call.what.body.value_or(nullptr));
  if (model.answers_.empty())
    return fail(errc::not_found, "the test scripts no answers of model '" + call.model + "'");
  model.given_ = std::min(model.given_ + 1, model.answers_.size());
  const auto& answer = model.answers_[model.given_ - 1];
  if (answer.why)
    return *answer.why;
  service_reply reply;
  reply.stream_id = ++last_stream;
  auto& parts = streams[reply.stream_id];
  add_text(parts, answer.text);
  auto tools = answer.calls;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    tools[i].as_object()["index"] = i;
    tools[i].as_object()["id"] = "call_" + std::to_string(++tool_calls);
  }
  const auto* end = tools.empty() ? "stop" : "tool_calls";
  if (!tools.empty())
    parts.push_back(chat_event({{"tool_calls", std::move(tools)}}, nullptr));
  parts.push_back(chat_event({}, end));
  parts.push_back("data: [DONE]\n\n");
  return reply;
}

effect_reply graph_runner::impl::next_part(uint64_t stream) {
  auto& parts = streams[stream];
  outbound_chunk chunk;
  if (!parts.empty()) {
    chunk.bytes = std::move(parts.front());
    parts.pop_front();
  }
  chunk.last = parts.empty();
  return chunk;
}

effect_reply graph_runner::impl::reply_to(const store_operation& op) {
  if (auto ok = std::visit([](const auto& one) { return check(one); }, op); !ok)
    return ok.error();
  auto& items = store.items_;
  store_reply reply;
  if (const auto* put = std::get_if<store_put>(&op)) {
    store.put(labels{put->ns}, put->key, put->value);
  } else if (const auto* gone = std::get_if<store_delete>(&op)) {
    std::erase_if(items, [&](const auto& i) { return i.ns == gone->ns && i.key == gone->key; });
  } else if (const auto* get = std::get_if<store_get>(&op)) {
    for (const auto& one : items)
      if (one.ns == get->ns && one.key == get->key)
        reply.items.push_back(one);
  } else if (const auto* search = std::get_if<store_search>(&op)) {
    auto filter = value_filter::parse(search->filter).value();
    auto skip = search->offset;
    auto limit = std::clamp<int64_t>(search->limit, 1, 1000);
    for (auto one = items.rbegin(); one != items.rend(); ++one) // newest first
      if (std::mismatch(search->prefix.begin(), search->prefix.end(), one->ns.begin(),
                        one->ns.end())
              .first
            == search->prefix.end()
          && filter.matches(one->value) && skip-- <= 0
          && static_cast<int64_t>(reply.items.size()) < limit)
        reply.items.push_back(*one);
  }
  if (const auto* list = std::get_if<store_list>(&op))
    reply.namespaces = namespaces_of(items, *list);
  return reply;
}

std::optional<effect_reply> graph_runner::impl::reply_to(const effect& asked) {
  if (const auto* call = std::get_if<service_call>(&asked))
    return reply_to(*call);
  if (const auto* call = std::get_if<model_call>(&asked))
    return reply_to(*call);
  if (const auto* op = std::get_if<store_operation>(&asked))
    return reply_to(*op);
  if (const auto* part = std::get_if<read_chunk>(&asked))
    return next_part(part->stream_id);
  if (const auto* done = std::get_if<close_stream>(&asked)) {
    streams.erase(done->stream_id);
    return std::monostate{};
  }
  if (const auto* time = std::get_if<sleep_for>(&asked)) {
    slept += time->time;
    return std::monostate{};
  }
  return fail(errc::internal, "a node asked for something that only handlers may ask for");
}

std::shared_ptr<const model_directory> graph_runner::impl::directory() const {
  auto all = std::make_shared<model_directory>();
  for (const auto& [name, script] : models) {
    model_options one;
    one.name = one.model = name;
    one.max_retries = 0;
    all->by_name.emplace(name, std::move(one));
  }
  return all;
}

merged_config graph_runner::impl::configuration(const run_ids& ids) const {
  const json::object none;
  const json::value no_context;
  const json::object sent{{"configurable", configurable}};
  return merge_run_config({none, none, no_context}, {none, none, no_context}, {sent, none, context},
                          who ? &*who : nullptr, ids, {}, {},
                          make ? no_context : flow->context_schema());
}

outcome graph_runner::impl::run(json::value input, json::value command) {
  run_ids ids;
  ids.run_id = "run-" + std::to_string(++runs);
  ids.thread_id = "thread-1";
  ids.graph_id = ids.assistant_id = make ? "graph" : flow->name();
  auto merged = configuration(ids);
  if (make) {
    auto facts = std::make_shared<run_facts>();
    facts->run_id = ids.run_id;
    facts->thread_id = ids.thread_id;
    facts->config = std::make_shared<const json::object>(merged.config);
    facts->run_context = std::make_shared<const json::value>(merged.context);
    facts->models = directory();
    auto made = make_graph(make, std::move(facts));
    if (!made) {
      outcome refused;
      refused.error = run_error{error_class(made.error()), made.error().message};
      return refused;
    }
    flow = std::move(*made);
  }
  run_driver driver{flow, thread};
  driver.run_id = ids.run_id;
  driver.models = directory();
  driver.configurable = merged.configurable();
  driver.kwargs = {{"stream_mode", modes},      {"config", merged.config},
                   {"context", merged.context}, {"interrupt_before", before},
                   {"interrupt_after", after},  {"input", std::move(input)}};
  if (!command.is_null())
    driver.command(std::move(command));
  driver.answer = [this](const effect& asked) { return reply_to(asked); };
  driver.run();
  outcome out;
  if (auto state = driver.values(); state.is_object())
    out.state = std::move(state.get_object());
  for (const auto& one : driver.events)
    out.events.push_back({one.name, json::parse(*one.data)});
  const auto& end = *driver.outcome;
  for (const auto& one : end.interrupts)
    out.interrupts.push_back(one.value);
  out.next = end.next;
  if (end.is_failure())
    out.error = run_error{std::string(string_or(end.error.as_object(), "error")),
                          std::string(string_or(end.error.as_object(), "message"))};
  return out;
}

graph_runner::graph_runner(result<std::shared_ptr<const graph>> made)
  : impl_(std::make_unique<impl>()) {
  if (!made)
    throw std::invalid_argument(made.error().message);
  impl_->flow = std::move(*made);
}

graph_runner::graph_runner(graph_factory make) : impl_(std::make_unique<impl>()) {
  impl_->make = std::move(make);
}

graph_runner::~graph_runner() = default;

scripted_service& graph_runner::service(const std::string& name) {
  return impl_->services[name];
}

scripted_model& graph_runner::model(const std::string& name) {
  return impl_->models[name];
}

memory_store& graph_runner::store() {
  return impl_->store;
}

graph_runner& graph_runner::as(std::string identity, std::vector<std::string> permissions) {
  principal who;
  who.tenant = "default";
  who.issuer = "test";
  who.subject = who.identity = who.display_name = std::move(identity);
  who.permissions = std::move(permissions);
  impl_->who = std::move(who);
  return *this;
}

graph_runner& graph_runner::configurable(object_arg values) {
  impl_->configurable = std::move(values.values);
  return *this;
}

graph_runner& graph_runner::context(json_arg value) {
  impl_->context = std::move(value).take();
  return *this;
}

graph_runner& graph_runner::stream(std::vector<std::string> modes) {
  impl_->modes = as_json(modes);
  return *this;
}

graph_runner& graph_runner::interrupt_before(std::vector<std::string> nodes) {
  impl_->before = as_breakpoints(nodes);
  return *this;
}

graph_runner& graph_runner::interrupt_after(std::vector<std::string> nodes) {
  impl_->after = as_breakpoints(nodes);
  return *this;
}

outcome graph_runner::run(object_arg input) {
  return impl_->run(std::move(input.values), nullptr);
}

outcome graph_runner::resume(json_arg answer) {
  return impl_->run(nullptr, json::object{{"resume", std::move(answer).take()}});
}

outcome graph_runner::go_on() {
  return impl_->run(nullptr, nullptr);
}

const std::vector<recorded_call>& graph_runner::calls() const {
  return impl_->calls;
}

std::chrono::milliseconds graph_runner::slept() const {
  return impl_->slept;
}

result<std::shared_ptr<const graph>> load_graph(const std::string& library, std::string_view name) {
  plugin_registry all;
  if (auto ok = load_plugin(library, all); !ok)
    return ok.error();
  std::string names;
  for (const auto& one : all.graphs()) {
    if (one.name == name)
      return one.make ? make_graph(one.make, std::make_shared<run_facts>()) : one.flow;
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return fail(errc::invalid_argument, "no graph '" + std::string(name) + "' was registered by "
                                        + library + "; there are: " + names);
}

} // namespace behalf::testing
