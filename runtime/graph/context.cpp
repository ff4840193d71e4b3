#include "behalf/context.hpp"

#include "runtime/graph/task_facts.hpp"

#include <algorithm>

namespace behalf {
namespace {

http_operation operation(std::string method, std::string_view path) {
  http_operation op;
  op.method = std::move(method);
  op.path = path;
  return op;
}

} // namespace

awaiting<service_reply> service_client::get(std::string_view path) const {
  return request(operation("GET", path));
}

awaiting<service_reply> service_client::post(std::string_view path, json::value body) const {
  auto op = operation("POST", path);
  op.body = std::move(body);
  return request(std::move(op));
}

awaiting<service_reply> service_client::put(std::string_view path, json::value body) const {
  auto op = operation("PUT", path);
  op.body = std::move(body);
  return request(std::move(op));
}

awaiting<service_reply> service_client::del(std::string_view path) const {
  return request(operation("DELETE", path));
}

awaiting<service_reply> service_client::request(http_operation op) const {
  return awaiting<service_reply>{service_call{name_, std::move(op)}};
}

awaiting<service_reply> service_client::call_tool(std::string_view tool,
                                                  json::object arguments) const {
  return awaiting<service_reply>{
    service_call{name_, call_tool_operation{std::string(tool), std::move(arguments)}}};
}

awaiting<service_reply> service_client::call_tool(std::string_view tool) const {
  return call_tool(tool, json::object{});
}

awaiting<service_reply> service_client::list_tools() const {
  return awaiting<service_reply>{service_call{name_, list_tools_operation{}}};
}

awaiting<byte_stream> service_client::open(std::string_view path) const {
  return open(operation("GET", path));
}

awaiting<byte_stream> service_client::open(http_operation op) const {
  op.stream = true;
  return awaiting<byte_stream>{service_call{name_, std::move(op)}};
}

awaiting<stored_item> store_client::get(labels ns, std::string_view key) const {
  return awaiting<stored_item>{store_operation{store_get{std::move(ns), std::string(key)}}};
}

awaiting<std::monostate> store_client::put(labels ns, std::string_view key,
                                           json::object value) const {
  return awaiting<std::monostate>{
    store_operation{store_put{std::move(ns), std::string(key), std::move(value)}}};
}

awaiting<std::monostate> store_client::del(labels ns, std::string_view key) const {
  return awaiting<std::monostate>{store_operation{store_delete{std::move(ns), std::string(key)}}};
}

awaiting<std::vector<stored_item>> store_client::search(store_search what) const {
  return awaiting<std::vector<stored_item>>{store_operation{std::move(what)}};
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

void context::write(json::value data) const {
  if (facts_->emit)
    facts_->emit({stream_item::kind::custom, std::move(data)});
}

void context::write_message(json::value chunk) const {
  if (facts_->emit)
    facts_->emit({stream_item::kind::message, std::move(chunk)});
}

answer_of context::interrupt(json::value question) const {
  return answer_of{std::move(question), answer(facts_->next_answer++)};
}

const json::value* context::answer(std::size_t n) const {
  return n < facts_->answers.size() ? &facts_->answers[n] : nullptr;
}

} // namespace behalf
