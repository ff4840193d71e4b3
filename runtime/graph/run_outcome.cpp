#include "runtime/graph/run_outcome.hpp"

#include "behalf/node.hpp"

namespace behalf {

run_outcome run_outcome::failed(std::string error_class, std::string text) {
  run_outcome outcome;
  outcome.is = state::error;
  outcome.error = json::object{{"error", std::move(error_class)}, {"message", std::move(text)}};
  return outcome;
}

run_outcome run_outcome::failed(const behalf::error& why) {
  return failed(error_class(why), why.message);
}

std::string_view run_outcome::status() const {
  switch (is) {
  case state::success:
    return "success";
  case state::error:
    return "error";
  case state::timeout:
    return "timeout";
  case state::interrupted:
    return "interrupted";
  }
  return "error";
}

std::string_view run_outcome::thread_status() const {
  if (is_failure())
    return "error";
  return next.empty() && interrupts.empty() ? "idle" : "interrupted";
}

json::object run_outcome::interrupts_by_task() const {
  json::object all;
  for (const auto& one : interrupts) {
    auto& list = all[one.task_id];
    if (!list.is_array())
      list.emplace_array();
    list.get_array().push_back(json::object{{"id", one.id}, {"value", one.value}});
  }
  return all;
}

json::array run_outcome::shown_interrupts() const {
  json::array all;
  for (const auto& one : interrupts)
    all.push_back(json::object{{"value", one.value}, {"id", one.id}, {"response_schema", nullptr}});
  return all;
}

json::value run_outcome::wait_body() const {
  if (is_failure())
    return json::object{{"__error__", error}};
  auto shown = values ? values->to_json().as_object() : json::object{};
  return with_interrupts(std::move(shown), shown_interrupts());
}

json::object with_interrupts(json::object values, json::array shown) {
  if (shown.size() > 1)
    values.clear();
  if (!shown.empty())
    values["__interrupt__"] = std::move(shown);
  return values;
}

} // namespace behalf
