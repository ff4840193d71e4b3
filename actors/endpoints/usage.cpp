// What chat models were asked and cost: a user's own figures, and those of a tenant's users for who
// may see them.
#include "runtime/storage/usage.hpp"

#include "actors/endpoints/routes.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/text.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace behalf::endpoints {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr int64_t most_days = 400, usual_days = 30;
constexpr int64_t most_users = 10'000, shown_users = 1'000;
constexpr int64_t most_groups = 1'000;

std::string date_text(int64_t day) {
  const std::chrono::year_month_day date{sys_days{days{day}}};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

// "2026-11-22", of a day there is.
std::optional<int64_t> day_from(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return std::nullopt;
  const auto number = [&](std::size_t from, std::size_t size) {
    int n = 0;
    for (auto c : text.substr(from, size)) {
      if (c < '0' || c > '9')
        return -1;
      n = 10 * n + (c - '0');
    }
    return n;
  };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 1970 || month < 1 || day < 1)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok())
    return std::nullopt;
  return sys_days{date}.time_since_epoch().count();
}

result<int64_t> day_query(request_pointer self, std::string_view name, int64_t otherwise) {
  const auto* text = text_query(self, name);
  if (!text || text->empty())
    return otherwise;
  if (auto day = day_from(*text))
    return *day;
  return fail(errc::invalid_argument,
              "query parameter '" + std::string(name) + "' must be a date like 2026-11-22");
}

struct time_span {
  int64_t first, last;
};

result<time_span> span_of(request_pointer self) {
  const auto last = day_query(self, "to", day_of(now()));
  if (!last)
    return last.error();
  const auto first = day_query(self, "from", std::max<int64_t>(0, *last - usual_days + 1));
  if (!first)
    return first.error();
  if (*first > *last)
    return fail(errc::invalid_argument, "'from' must not be after 'to'");
  if (*last - *first >= most_days)
    return fail(errc::invalid_argument,
                "from 'from' to 'to' are at most " + std::to_string(most_days) + " days");
  return time_span{*first, *last};
}

result<usage_by> group_of(request_pointer self) {
  const auto* text = text_query(self, "group_by");
  if (!text || text->empty() || *text == "day")
    return usage_by::day;
  if (*text == "model")
    return usage_by::model;
  if (*text == "agent")
    return usage_by::agent;
  return fail(errc::invalid_argument, "query parameter 'group_by' must be day, model or agent");
}

json::object view_of(const usage_figures& used) {
  json::object view;
  view["requests"] = used.requests;
  view["input_tokens"] = used.input;
  view["output_tokens"] = used.output;
  auto both = used.input;
  add_figure(both, used.output);
  view["total_tokens"] = both;
  view["input_token_details"] = {{"cache_read", used.cache_read},
                                 {"cache_creation", used.cache_creation}};
  view["output_token_details"] = {{"reasoning", used.reasoning}};
  view["cost"] = shown_cost(used.cost);
  view["tool_calls"] = used.tool_calls;
  return view;
}

json::object shown_row(const usage_row& row, usage_by by) {
  json::object view;
  if (by == usage_by::day)
    view["day"] = date_text(row.day);
  if (by == usage_by::model)
    view["model"] = row.model;
  if (by == usage_by::agent)
    view["agent"] = row.agent;
  if (by == usage_by::user)
    view["user"] = row.identity;
  for (auto& [key, value] : view_of(row.used))
    view[key] = std::move(value);
  return view;
}

json::object page_of(const std::vector<usage_row>& rows, const usage_question& asked,
                     int64_t most) {
  json::array shown;
  usage_figures total;
  for (const auto& row : rows) {
    total += row.used;
    if (static_cast<int64_t>(shown.size()) < most)
      shown.push_back(shown_row(row, asked.by));
  }
  json::object page;
  page["from"] = date_text(asked.first);
  page["to"] = date_text(asked.last);
  page["more"] = shown.size() < rows.size();
  page["usage"] = std::move(shown);
  page["total"] = view_of(total);
  return page;
}

result<json::object> prepare_own(request_pointer self) {
  const auto span = span_of(self);
  if (!span)
    return span.error();
  if (auto by = group_of(self); !by)
    return by.error();
  return json::object{{"from", date_text(span->first)}, {"to", date_text(span->last)}};
}

void own(request_pointer self) {
  const auto& s = self->state;
  const auto span = span_of(self).value();
  const auto key = s.granted.who->key();
  const usage_question asked{key.tenant, key.text(), span.first, span.last, group_of(self).value(),
                             most_groups};
  storage::read(
    self, *s.app, storage::read_usage{asked, key},
    [self, asked](std::vector<usage_row>& rows) {
      const auto& g = self->state.granted;
      if (!g.auth_filter.matches(json::object{{"owner", g.who->identity}}))
        rows.clear();
      answer(self, 200, page_of(rows, asked, most_groups));
    },
    or_refuse(self));
}

result<json::object> prepare_users(request_pointer self) {
  const auto span = span_of(self);
  if (!span)
    return span.error();
  return json::object{{"from", date_text(span->first)}, {"to", date_text(span->last)}};
}

void users(request_pointer self) {
  const auto& s = self->state;
  const auto span = span_of(self).value();
  const usage_question asked{tenant_of(self), std::nullopt,   span.first,
                             span.last,       usage_by::user, most_users};
  storage::read(
    self, *s.app, storage::read_usage{asked, s.granted.who->key()},
    [self, asked](std::vector<usage_row>& rows) {
      std::erase_if(rows, [&](const usage_row& row) {
        return !self->state.granted.auth_filter.matches(json::object{{"owner", row.identity}});
      });
      answer(self, 200, page_of(rows, asked, shown_users));
    },
    or_refuse(self));
}

} // namespace

std::vector<route> usage_routes() {
  return {
    {verb::get, "/usage", access::to("usage", "read"), prepare_own, own,
     "What chat models were asked by the caller, and cost"},
    {verb::get, "/usage/users", access::to("usage", "search"), prepare_users, users,
     "The same by user, of the tenant"},
  };
}

} // namespace behalf::endpoints
