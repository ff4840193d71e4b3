#include "actors/runs/recovery.hpp"

#include "actors/runs/thread_updates.hpp"
#include "runtime/base/log.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

namespace behalf::runs {
namespace {

using plans = std::vector<run_plan>;

constexpr std::string_view too_often = "the run was interrupted by crashes too often";

struct found_runs {
  plans executing, waiting;
  std::vector<queued_run> delayed;
  std::vector<std::pair<record, error>> unreadable;
};

void sort_out(storage_engine& db, record row, int max_attempts, found_runs& into) {
  auto who = principal_of(row);
  if (who && waits_for_its_time(row)) {
    into.delayed.push_back({row.id, row.parent, who->key(), row.created_at});
    return;
  }
  auto plan = plan_from(row);
  if (!plan) {
    auto whole = db.unfinished_run(row.key()); // the scan read only a part of delayed runs
    auto kept = whole && *whole ? std::move(**whole) : std::move(row);
    into.unreadable.emplace_back(std::move(kept), plan.error());
    return;
  }
  plan->stored_pending = true;
  if (plan->crashes >= max_attempts) // an earlier start decided so and ended before storing it
    plan->given_up = too_often;
  auto& to = row.status == "running" ? into.executing : into.waiting;
  to.push_back(std::move(*plan));
}

result<found_runs> read_all(storage_engine& db, int max_attempts) {
  constexpr int64_t batch = 500;
  found_runs found;
  std::optional<record> after;
  for (;;) {
    auto rows = db.unfinished_runs(after ? &*after : nullptr, batch);
    if (!rows)
      return rows.error();
    if (!rows->empty()) {
      after.emplace();
      after->tenant = rows->back().tenant;
      after->id = rows->back().id;
      after->created_at = rows->back().created_at;
    }
    auto last = static_cast<int64_t>(rows->size()) < batch;
    for (auto& row : *rows)
      sort_out(db, std::move(row), max_attempts, found);
    if (last)
      break;
  }
  // As they came: whoever sets the clock back changes times, but not the order of run ids.
  std::sort(found.waiting.begin(), found.waiting.end(),
            [](const run_plan& a, const run_plan& b) { return a.run_id < b.run_id; });
  return found;
}

// The thread's newest checkpoint: a new one with every superstep.
std::string newest_checkpoint(storage_engine& db, const run_plan& plan) {
  if (plan.temporary)
    return {};
  // Of graphs inside, too: a run may be in one for long.
  auto newest = db.newest_checkpoint(plan.who->tenant, plan.thread_id, std::nullopt);
  return newest ? *newest : std::string{};
}

void report(const run_plan& plan, std::string_view decision) {
  log::warning("run_interrupted_by_crash", {{"run_id", plan.run_id},
                                            {"graph", plan.graph_id},
                                            {"attempt", plan.attempt},
                                            {"crashes", plan.crashes},
                                            {"decision", decision}});
}

// The run that crashed the process; null when it could be several.
run_plan* culprit(plans& executing) {
  std::vector<run_plan*> suspects, all;
  for (auto& plan : executing) {
    all.push_back(&plan);
    if (plan.suspect)
      suspects.push_back(&plan);
  }
  const auto& candidates = suspects.empty() ? all : suspects;
  return candidates.size() == 1 ? candidates.front() : nullptr;
}

void attribute_crash(storage_engine& db, plans& executing, int max_attempts) {
  for (auto& plan : executing) {
    ++plan.attempt;
    auto at = newest_checkpoint(db, plan);
    if (at != plan.crashed_at) { // it made progress: earlier crashes do not count
      plan.crashes = 0;
      plan.suspect = plan.apart = false;
      plan.given_up.clear();
    }
    plan.crashed_at = std::move(at);
  }
  auto* crashed = culprit(executing);
  const auto suspects = std::count_if(executing.begin(), executing.end(),
                                      [](const run_plan& plan) { return plan.suspect; });
  for (auto& plan : executing)
    plan.apart = plan.apart || (plan.suspect && suspects > 1);
  for (auto& plan : executing) {
    plan.suspect = true;
    if (&plan != crashed) {
      report(plan, "goes on, never beside another suspect");
    } else if (++plan.crashes < max_attempts) {
      report(plan, "goes on, the crash is laid to it");
    } else {
      plan.suspect = false;
      plan.given_up = too_often;
      report(plan, "given up");
    }
  }
}

// Runs with fewer crashes first: they are cleared at their next checkpoint. Those that hold up
// others for as long as they take are the last. The order of equals
// changes with every attempt, so that none is always behind the same other one.
bool less_suspicious(const run_plan& a, const run_plan& b) {
  auto order = [](const run_plan& p) {
    return std::tuple{p.apart, p.crashes,
                      std::hash<std::string>{}(p.run_id + std::to_string(p.attempt))};
  };
  return order(a) < order(b);
}

std::vector<write_batch> decisions(storage_engine& db, const found_runs& found) {
  std::vector<write_batch> all;
  for (const auto& plan : found.executing) {
    auto what = of_run(plan); // another server may have taken it meanwhile
    what.puts.push_back({to_record(plan, "pending")});
    all.push_back(std::move(what));
  }
  for (const auto& [row, why] : found.unreadable) {
    log::error("run_set_aside",
               {{"run_id", row.id},
                {"tenant", row.tenant},
                {"reason", why.message},
                {"remedy", "it ended as an error; its row keeps what was stored: start it anew"}});
    auto thread = db.get({kind::thread, row.tenant, row.parent});
    all.push_back(set_aside(row, why.message, thread && *thread));
  }
  return all;
}

// A decision that could not be stored is made again at the next start.
void store(storage_engine& db, const std::vector<write_batch>& all) {
  if (all.empty())
    return;
  auto ok = db.begin();
  for (std::size_t i = 0; ok && i < all.size(); ++i)
    if (auto one = db.apply(all[i]); !one)
      log::error("recovery_not_stored", {{"reason", one.error().message}});
  if (ok)
    ok = db.flush();
  if (!ok)
    log::error("recovery_not_stored", {{"reason", ok.error().message}});
}

// A storage of one process needs no lease: every run in it is this process's.
result<void> take_all(storage_engine& db) {
  constexpr int64_t batch = 500;
  for (auto taken = batch; !db.exclusive() && taken == batch;) {
    if (auto ok = db.begin(); !ok)
      return ok;
    auto renewed = db.renew();
    auto some = renewed ? db.take_runs(batch) : result<int64_t>{renewed.error()};
    if (auto ok = db.flush(); !ok || !some)
      return ok ? some.error() : ok.error();
    taken = *some;
  }
  return {};
}

} // namespace

result<recovered_runs> recover_runs(storage_engine& db, int max_attempts) {
  if (auto ok = take_all(db); !ok)
    return ok.error();
  auto found = read_all(db, max_attempts);
  if (!found)
    return found.error();
  attribute_crash(db, found->executing, max_attempts);
  store(db, decisions(db, *found));

  recovered_runs recovered;
  recovered.delayed = std::move(found->delayed);
  auto all = std::move(found->executing);
  std::move(found->waiting.begin(), found->waiting.end(), std::back_inserter(all));
  auto others =
    std::stable_partition(all.begin(), all.end(), [](const run_plan& p) { return p.suspect; });
  std::sort(all.begin(), others, less_suspicious);
  for (auto& plan : all)
    recovered.plans.push_back(std::make_shared<const run_plan>(std::move(plan)));
  return recovered;
}

} // namespace behalf::runs
