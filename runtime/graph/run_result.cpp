// What the engine hands out: a task's context, and a run's end in the forms the API shows.
#include "runtime/graph/run_loop.hpp"

namespace behalf {

context task_spec::make_context(std::shared_ptr<const run_facts> run,
                                std::function<void(stream_item)> emit, deadline until,
                                std::function<bool()> cancelled) const {
  auto facts = std::make_shared<task_facts>();
  facts->run = std::move(run);
  facts->task_id = id;
  facts->node = name;
  facts->step = step;
  facts->attempt = attempt;
  facts->answers = answers;
  facts->emit = std::move(emit);
  facts->until = until;
  facts->cancelled = std::move(cancelled);
  return context{std::move(facts)};
}

std::string_view run_finish::thread_status() const {
  if (is == status::error)
    return "error";
  return next.empty() && interrupts.empty() ? "idle" : "interrupted";
}

json::value run_finish::failure_json() const {
  if (is != status::error)
    return nullptr;
  return json::object{{"error", failure_class}, {"message", failure}};
}

json::object run_finish::interrupts_by_task() const {
  json::object all;
  for (const auto& one : interrupts) {
    auto& list = all[one.task_id];
    if (!list.is_array())
      list.emplace_array();
    list.get_array().push_back(json::object{{"id", one.id}, {"value", one.value}});
  }
  return all;
}

json::value run_finish::wait_body() const {
  if (interrupts.empty())
    return values.to_json();
  json::array all;
  for (const auto& one : interrupts)
    all.push_back(json::object{{"value", one.value}, {"id", one.id}, {"response_schema", nullptr}});
  auto body = interrupts.size() == 1 ? values.to_json().as_object() : json::object{};
  body["__interrupt__"] = std::move(all);
  return body;
}

} // namespace behalf
