#include "behalf/context.hpp"

#include "runtime/graph/messages.hpp"
#include "runtime/graph/task_facts.hpp"

#include <algorithm>

namespace behalf {

service_request& service_request::header(std::string_view name, std::string_view value) {
  operation().headers.emplace_back(name, value);
  return *this;
}

service_request& service_request::body(json_arg value) {
  operation().body = std::move(value).take();
  return *this;
}

awaiting<byte_stream> service_request::stream() {
  operation().stream = true;
  return awaiting<byte_stream>{std::move(what_)};
}

http_operation& service_request::operation() {
  return std::get<http_operation>(std::get<service_call>(what_).operation);
}

service_request service_client::get(std::string_view path) const {
  return request("GET", path);
}

service_request service_client::post(std::string_view path, json_arg body) const {
  return request("POST", path).body(std::move(body));
}

service_request service_client::put(std::string_view path, json_arg body) const {
  return request("PUT", path).body(std::move(body));
}

service_request service_client::patch(std::string_view path, json_arg body) const {
  return request("PATCH", path).body(std::move(body));
}

service_request service_client::del(std::string_view path) const {
  return request("DELETE", path);
}

service_request service_client::request(std::string_view method, std::string_view path) const {
  return service_request{
    service_call{name_, http_operation{std::string(method), std::string(path)}}};
}

awaiting<service_reply> service_client::call_tool(std::string_view tool,
                                                  object_arg arguments) const {
  return awaiting<service_reply>{
    service_call{name_, call_tool_operation{std::string(tool), std::move(arguments.values)}}};
}

awaiting<service_reply> service_client::list_tools() const {
  return awaiting<service_reply>{service_call{name_, list_tools_operation{}}};
}

awaiting<byte_stream> service_client::open(std::string_view path) const {
  return get(path).stream();
}

item_search::item_search(labels prefix)
  : awaiting<std::vector<stored_item>>(store_operation{store_search{std::move(prefix).take()}}) {}

item_search& item_search::filter(object_arg part) {
  operation().filter = std::move(part.values);
  return *this;
}

item_search& item_search::limit(int64_t most) {
  operation().limit = most;
  return *this;
}

item_search& item_search::offset(int64_t skip) {
  operation().offset = skip;
  return *this;
}

item_search& item_search::query(std::string_view text) {
  operation().query = text;
  return *this;
}

store_search& item_search::operation() {
  return std::get<store_search>(std::get<store_operation>(what_));
}

item_put& item_put::ttl(std::chrono::minutes time) {
  operation().ttl_minutes = static_cast<double>(time.count());
  return *this;
}

item_put& item_put::index(labels paths) {
  const auto all = std::move(paths).take();
  operation().index = all.empty() ? json::value(false) : json::value_from(all);
  return *this;
}

store_put& item_put::operation() {
  return std::get<store_put>(std::get<store_operation>(what_));
}

namespace_listing::namespace_listing(labels prefix)
  : awaiting<std::vector<std::vector<std::string>>>(
    store_operation{store_list{std::move(prefix).take()}}) {}

namespace_listing& namespace_listing::suffix(labels last) {
  operation().suffix = std::move(last).take();
  return *this;
}

namespace_listing& namespace_listing::max_depth(int64_t labels_at_most) {
  operation().max_depth = labels_at_most;
  return *this;
}

namespace_listing& namespace_listing::limit(int64_t most) {
  operation().limit = most;
  return *this;
}

namespace_listing& namespace_listing::offset(int64_t skip) {
  operation().offset = skip;
  return *this;
}

store_list& namespace_listing::operation() {
  return std::get<store_list>(std::get<store_operation>(what_));
}

awaiting<stored_item> store_client::get(labels ns, std::string_view key) const {
  return awaiting<stored_item>{store_operation{store_get{std::move(ns).take(), std::string(key)}}};
}

item_put store_client::put(labels ns, std::string_view key, object_arg value) const {
  return item_put{
    store_operation{store_put{std::move(ns).take(), std::string(key), std::move(value.values)}}};
}

awaiting<std::monostate> store_client::del(labels ns, std::string_view key) const {
  return awaiting<std::monostate>{
    store_operation{store_delete{std::move(ns).take(), std::string(key)}}};
}

item_search store_client::search(labels prefix) const {
  return item_search{std::move(prefix)};
}

namespace_listing store_client::namespaces(labels prefix) const {
  return namespace_listing{std::move(prefix)};
}

std::shared_ptr<const model_directory> models_of(const context& ctx) {
  return ctx.facts_->run->models;
}

std::shared_ptr<run_spending> spending_of(const context& ctx) {
  return ctx.facts_->run->spending;
}

void emit(const context& ctx, stream_item item) {
  if (ctx.facts_->emit)
    ctx.facts_->emit(std::move(item));
}

bool is_temporary(const context& ctx) {
  return ctx.facts_->run->temporary;
}

bool may_have_run(const context& ctx) {
  return ctx.facts_->cut_off;
}

const json::object& context::configurable() const {
  return facts_->run->configurable();
}

const json::object& context::config() const {
  return *facts_->run->config;
}

const json::object& context::metadata() const {
  return facts_->run->metadata;
}

const json::value& context::run_context() const {
  return *facts_->run->run_context;
}

std::string_view context::run_id() const {
  return facts_->run->run_id;
}

std::string_view context::thread_id() const {
  return facts_->run->thread_id;
}

std::string_view context::node() const {
  return facts_->node;
}

std::string_view context::task_id() const {
  return facts_->task_id;
}

int64_t context::step() const {
  return facts_->step;
}

int64_t context::remaining_steps() const {
  return facts_->remaining_steps;
}

int context::attempt() const {
  return facts_->attempt;
}

deadline context::until() const {
  return facts_->until;
}

bool context::cancelled() const {
  return facts_->cancelled && facts_->cancelled();
}

const json::object& context::user() const {
  return object_or_empty(configurable(), "langgraph_auth_user");
}

std::string_view context::identity() const {
  return string_or(configurable(), "langgraph_auth_user_id");
}

bool context::permitted(std::string_view permission) const {
  const auto* all = member(configurable(), "langgraph_auth_permissions");
  if (!all || !all->is_array())
    return false;
  return std::any_of(all->get_array().begin(), all->get_array().end(), [&](const json::value& one) {
    return one.is_string()
           && one.get_string() == json::string_view{permission.data(), permission.size()};
  });
}

void context::write(json_arg data) const {
  emit(*this, {stream_item::kind::custom, std::move(data).take()});
}

std::string context::write_message(json_arg chunk,
                                   std::shared_ptr<const json::object> metadata) const {
  auto part = std::move(chunk).take();
  std::string id(part.is_object() ? string_or(part.get_object(), "id") : std::string_view{});
  if (id.empty())
    id = streamed_message_id(facts_->task_id);
  emit(*this, {stream_item::kind::message, std::move(part), std::move(metadata)});
  return id;
}

subgraph_call context::run(std::shared_ptr<const graph> subgraph, object_arg input) const {
  return subgraph_call{run_subgraph{std::move(subgraph), std::move(input.values)}};
}

answer_of context::interrupt(json_arg question) const {
  return answer_of{std::move(question).take(), facts_};
}

// The one to that place, or the next of those whose place is not known: all of a node's body are,
// and what was given before the question.
const json::value* answer_of::find(const std::string& place) const {
  std::size_t nth = 0;
  for (const auto& one : facts_->answers)
    if (!place.empty() && one.place == place)
      return &one.value;
  for (const auto& one : facts_->answers)
    if (one.place.empty() && nth++ == facts_->next_answer) {
      ++facts_->next_answer;
      return &one.value;
    }
  return nullptr;
}

const json::value* context::answer(std::size_t n) const {
  return n < facts_->answers.size() ? &facts_->answers[n].value : nullptr;
}

} // namespace behalf
