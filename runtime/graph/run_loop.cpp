#include "runtime/graph/run_loop.hpp"

#include "runtime/base/json.hpp"
#include "runtime/graph/run_loop_impl.hpp"

#include <algorithm>

namespace behalf {

run_loop::impl::impl(std::shared_ptr<const graph> g, std::optional<loaded_checkpoint> from,
                     run_spec s)
  : flow(std::move(g)), spec(std::move(s)),
    base_metadata(std::make_shared<const json::object>(std::move(spec.checkpoint_metadata))),
    state(flow->channels()) {
  state.limit_bytes(spec.state_bytes, from ? from->at.full_weight + from->at.weight : 0);
  if (from)
    bind(std::move(*from));
}

void run_loop::impl::bind(loaded_checkpoint from) {
  head = std::move(from.at);
  has_head = true;
  first_head = head.id;
  for (auto& [name, v] : from.values) {
    auto at = flow->channels()->find(name);
    if (at == channel_table::none)
      foreign = true;
    else
      state.set(at, std::move(v));
  }
  for (const auto& one : head.pending)
    if (one.id == null_task_id)
      updates.push_back(one);
}

void run_loop::impl::begin() {
  if (spec.recursion_limit < 1)
    return fail_run("ValueError", "recursion_limit must be at least 1");
  step = has_head ? head.step + 1 : -1;
  constexpr int64_t most_steps = 1'000'000'000; // a client may name any number
  stop = step + std::min(spec.recursion_limit, most_steps) + 1;
  for (auto& one : updates) // written beside the checkpoint by earlier commands
    if (auto writes = to_writes(*flow->channels(), one.writes))
      static_cast<void>(state.apply(std::move(*writes)));
  if (left_by_this_run())
    return go_on();
  if (spec.command)
    return begin_command(*spec.command);
  if (!spec.input || spec.input->is_null())
    return begin_without_input();
  enter(spec.input);
}

// Restarted after a crash: the head is of this run, or holds answers it was given.
bool run_loop::impl::left_by_this_run() const {
  return spec.after_crash && has_head && (wrote_head() || head.resumed_by == spec.facts->run_id);
}

bool run_loop::impl::wrote_head() const {
  const auto& run_id = spec.facts->run_id;
  return head.resumed_by != run_id && head.base_metadata
         && string_or(*head.base_metadata, "run_id") == run_id;
}

// --- the end -----------------------------------------------------------------------------------

void run_loop::impl::finish(run_finish::status is) {
  ended = true;
  if (spec.checkpointing && spec.lasting == durability_mode::exit && dirty) {
    keep_pending();
    write_full();
    for (auto& one : head.pending)
      if (one.id == null_task_id)
        one.writes.clear(); // they are in what is written now
    out.checkpoints = {head};
  }
  auto& end = out.finish.emplace();
  end.is = is;
  auto shown = state; // with what was done of a superstep that is not complete
  static_cast<void>(shown.apply(writes_of(tasks_in_order())));
  end.values = state_view{std::move(shown), flow->shown()};
  for (const auto& t : tasks) {
    if (t.so_far.is != pending_task::state::done)
      end.next.push_back(t.plan.name);
    if (t.so_far.is == pending_task::state::interrupted)
      for (const auto& one : t.so_far.interrupts)
        end.interrupts.push_back({t.plan.id, one.id, one.value});
  }
  if (spec.checkpointing && has_head)
    end.checkpoint_id = head.id;
}

void run_loop::impl::fail_run(std::string kind, std::string text) {
  text = valid_utf8(std::move(text));
  events.failed(out.events, kind, text);
  finish(run_finish::status::error);
  out.finish->failure_class = std::move(kind);
  out.finish->failure = std::move(text);
}

void run_loop::impl::fail_run(const error& why) {
  fail_run(error_class(why), why.message);
}

// --- the public face ---------------------------------------------------------------------------

run_loop::run_loop(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from,
                   run_spec spec)
  : impl_(std::make_unique<impl>(std::move(flow), std::move(from), std::move(spec))) {}
run_loop::~run_loop() = default;
run_loop::run_loop(run_loop&&) noexcept = default;

loop_output run_loop::begin() {
  impl_->begin();
  return std::exchange(impl_->out, {});
}

loop_output run_loop::task_done(std::string_view task_id, node_result how) {
  if (!impl_->ended)
    impl_->task_done(task_id, std::move(how));
  return std::exchange(impl_->out, {});
}

loop_output run_loop::written(std::string_view task_id, stream_item item) {
  const auto* t = impl_->ended ? nullptr : impl_->running(task_id);
  if (t && item.type == stream_item::kind::custom)
    impl_->events.custom(impl_->out.events, item.data);
  else if (t)
    impl_->events.chunk(impl_->out.events, {t->plan, impl_->step}, item.data);
  return std::exchange(impl_->out, {});
}

loop_output run_loop::cancel() {
  if (!impl_->ended)
    impl_->finish(run_finish::status::interrupted);
  return std::exchange(impl_->out, {});
}

loop_output run_loop::fail_with(const error& why) {
  if (!impl_->ended)
    impl_->fail_run(why);
  return std::exchange(impl_->out, {});
}

const std::shared_ptr<const run_facts>& run_loop::facts() const {
  return impl_->spec.facts;
}

int64_t run_loop::steps() const {
  return impl_->steps_done;
}

} // namespace behalf
