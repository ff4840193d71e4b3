#include "actors/runs/model_meters.hpp"

#include "agents/models/model_options.hpp"

namespace behalf::runs {
namespace {

constexpr auto tokens = {"input", "output", "cache_read", "cache_creation", "reasoning"};
constexpr auto limits = {"tokens_per_run",          "cost_per_run",
                         "tokens_per_user_per_day", "cost_per_user_per_day",
                         "cost_per_tenant_per_day", "cost_per_day"};
constexpr std::string_view other = "other";
constexpr auto outcomes = {"answered",
                           "needs_auth",
                           "model_rate_limited",
                           "model_overloaded",
                           "model_unavailable",
                           "model_quota_spent",
                           "model_refused_key",
                           "model_unknown",
                           "model_context_too_long",
                           "model_content_filtered",
                           "model_thinking_refused",
                           "model_bad_request",
                           "model_stream_cut",
                           "model_answer_too_long",
                           "model_answer_invalid",
                           "model_too_slow",
                           "cancelled",
                           "budget_spent",
                           "timeout",
                           "unreachable",
                           "other"};

double number_of(const json::object& request, std::string_view key) {
  const auto* value = member(request, key);
  return value && value->is_number() ? value->to_number<double>() : 0;
}

} // namespace

model_meters::model_meters(metrics& all, const model_directory& models) {
  for (const auto& [name, options] : models.by_name) {
    auto& mine = models_[name];
    for (const auto* kind : tokens)
      mine.tokens[kind] =
        &all.counter("behalf_model_tokens_total",
                     "Tokens of answers; input has what was cached, output the reasoning",
                     {{"model", name}, {"kind", kind}});
    for (const auto* how : outcomes)
      mine.outcomes[how] =
        &all.counter("behalf_model_requests_total", "Requests to chat models by how they ended",
                     {{"model", name}, {"outcome", how}});
    for (const auto* limit : limits)
      mine.refusals[limit] = &all.counter("behalf_model_refusals_total",
                                          "Requests to chat models that a budget had no room for",
                                          {{"model", name}, {"reason", limit}});
    mine.cost = &all.counter("behalf_model_cost_total", "What answers cost, by the prices given",
                             {{"model", name}});
    mine.time = &all.duration("behalf_model_request_seconds",
                              "From a request to a chat model to its end", {{"model", name}});
  }
}

void model_meters::count(const json::object& request) const {
  auto found = models_.find(string_or(request, "model"));
  if (found == models_.end())
    return;
  const auto& mine = found->second;
  auto outcome = mine.outcomes.find(string_or(request, "outcome"));
  (outcome == mine.outcomes.end() ? mine.outcomes.find(other) : outcome)->second->add();
  if (auto limit = mine.refusals.find(string_or(request, "refused_by"));
      limit != mine.refusals.end())
    limit->second->add();
  for (const auto& [kind, meter] : mine.tokens)
    meter->add(number_of(request, kind));
  mine.cost->add(number_of(request, "cost"));
  mine.time->observe(number_of(request, "seconds"));
}

} // namespace behalf::runs
