#include "runtime/calendar/cron_schedule.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace behalf {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::chrono::years horizon{100};

// The values of one field, and how they may be written.
struct field {
  std::string_view name;
  int low, high;
  std::array<std::string_view, 12> words = {};
};

constexpr field minute{"minute", 0, 59}, hour{"hour", 0, 23}, day{"day of month", 1, 31},
  month{"month",
        1,
        12,
        {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
  weekday{"day of week", 0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  second{"second", 0, 59};

std::vector<std::string_view> split(std::string_view text, std::string_view at, bool keep_empty) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= text.size();) {
    auto end = std::min(text.find_first_of(at, from), text.size());
    if (end > from || keep_empty)
      parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

error bad(const field& f, std::string_view item) {
  return fail(errc::invalid_argument,
              "'" + std::string(cut_utf8(item, 40)) + "' is no " + std::string(f.name) + ". ");
}

std::optional<int> number(std::string_view text) {
  int n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || !is_digit(text.front()) || text.size() > 4 || ec != std::errc{}
      || end != text.data() + text.size())
    return std::nullopt;
  return n;
}

// A number, or a name of a month or weekday. Sunday may be 7.
std::optional<int> value_of(const field& f, std::string_view text) {
  if (auto word = std::find(f.words.begin(), f.words.end(), text);
      !text.empty() && word != f.words.end())
    return static_cast<int>(word - f.words.begin()) + f.low;
  auto n = number(text);
  auto high = &f == &weekday ? 7 : f.high;
  return n && *n >= f.low && *n <= high ? n : std::nullopt;
}

// What follows a '/'; 1 when there is none, 0 when it is no step.
int step_of(std::string_view& item) {
  auto slash = item.find('/');
  if (slash == item.npos)
    return 1;
  auto step = number(item.substr(slash + 1)).value_or(0);
  item = item.substr(0, slash);
  return step;
}

// `*`, a value or a range, each with a step or without.
template <std::size_t Size>
result<void> add_item(const field& f, std::string_view item, std::bitset<Size>& into) {
  auto base = item;
  const auto step = step_of(base);
  const auto stepped = base.size() != item.size();
  auto low = f.low, high = f.high;
  if (base != "*") {
    auto dash = base.find('-');
    auto from = value_of(f, base.substr(0, dash));
    auto to = dash == base.npos ? (stepped ? f.high : from) : value_of(f, base.substr(dash + 1));
    if (!from || !to)
      return bad(f, item);
    low = *from, high = *to;
  }
  if (step == 0)
    return bad(f, item);
  const auto size = f.high - f.low + 1;
  if (low > high) // it wraps
    high += size;
  for (auto at = low; at <= high; at += step) {
    const auto value = f.low + (at - f.low) % size;
    into.set(static_cast<std::size_t>(value));
  }
  return {};
}

template <std::size_t Size>
result<void> read(const field& f, std::string_view text, std::bitset<Size>& into) {
  for (auto item : split(text, ",", true))
    if (auto ok = add_item(f, item, into); !ok)
      return ok;
  return {};
}

// In a schedule of two day fields one of which is of such a kind, what is meant cannot be told.
error unclear() {
  return fail(errc::invalid_argument,
              "A day such as 15W, 5#2 or L5 stands alone: the other day field must be *. ");
}

unsigned last_of(year_month month) {
  return static_cast<unsigned>((month / std::chrono::last).day());
}

unsigned weekday_of(year_month month, unsigned day) {
  return std::chrono::weekday{local_days{month / std::chrono::day{day}}}.c_encoding();
}

} // namespace

class cron_schedule::reader {
public:
  explicit reader(cron_schedule& into) : to(into) {}

  result<void> read_all(const std::vector<std::string_view>& fields) {
    if (fields.size() < 5 || fields.size() > 7)
      return fail(errc::invalid_argument,
                  "It has " + std::to_string(fields.size()) + " fields instead of 5 to 7. ");
    for (auto ok :
         {read(minute, fields[0], to.minutes_), read(hour, fields[1], to.hours_),
          read_days(fields[2]), read(month, fields[3], to.months_), read_weekdays(fields[4]),
          read(second, fields.size() > 5 ? fields[5] : "0", to.seconds_),
          read_years(fields.size() > 6 ? fields[6] : "*")})
      if (!ok)
        return ok;
    if ((special_day && !to.any_weekday_) || (special_weekday && !to.any_day_))
      return unclear();
    return {};
  }

private:
  result<void> read_days(std::string_view text) {
    if (text == "?")
      text = "*";
    if (text.ends_with('w')) {
      auto n = number(text.substr(0, text.size() - 1)).value_or(0);
      if (n < day.low || n > day.high)
        return bad(day, text);
      to.nearest_weekday_to_ = static_cast<unsigned>(n);
      to.any_day_ = false;
      special_day = true;
      return {};
    }
    for (auto item : split(text, ",", true)) {
      if (item == "l")
        to.last_day_ = true;
      else if (auto ok = add_item(day, item, to.days_); !ok)
        return ok;
    }
    to.any_day_ = to.days_.count() == 31;
    return {};
  }

  result<void> read_weekdays(std::string_view text) {
    if (text == "?")
      text = "*";
    for (auto item : split(text, ",", true)) {
      auto ok = item.find('#') != item.npos                 ? add_nth(item)
                : item.size() == 2 && item.starts_with('l') ? add_last(item)
                                                            : add_item(weekday, item, to.weekdays_);
      if (!ok)
        return ok;
    }
    to.any_weekday_ = to.weekdays_.all();
    if (special_weekday && to.weekdays_.any())
      return fail(errc::invalid_argument,
                  "Weekdays such as 5#2 or L5 cannot be listed with plain ones. ");
    return {};
  }

  result<void> add_nth(std::string_view item) {
    auto mark = item.find('#');
    auto which = value_of(weekday, item.substr(0, mark));
    auto nth = number(item.substr(mark + 1)).value_or(0);
    if (!which || nth < 1 || nth > 5)
      return bad(weekday, item);
    to.nth_[static_cast<std::size_t>(*which % 7)].set(static_cast<std::size_t>(nth));
    special_weekday = true;
    return {};
  }

  result<void> add_last(std::string_view item) {
    auto which = value_of(weekday, item.substr(1));
    if (!which)
      return bad(weekday, item);
    to.last_weekdays_.set(static_cast<std::size_t>(*which % 7));
    special_weekday = true;
    return {};
  }

  result<void> read_years(std::string_view text) {
    static constexpr field year{"year", first_year, last_year};
    to.any_year_ = text == "*";
    std::bitset<last_year + 1> years;
    auto ok = read(year, text, years);
    for (auto y = first_year; ok && y <= last_year; ++y)
      to.years_[static_cast<std::size_t>(y - first_year)] = years[static_cast<std::size_t>(y)];
    return ok;
  }

  cron_schedule& to;
  bool special_day = false, special_weekday = false;
};

result<cron_schedule> cron_schedule::parse(std::string_view text) {
  static constexpr std::array<std::array<std::string_view, 2>, 7> named{{{"@yearly", "0 0 1 1 *"},
                                                                         {"@annually", "0 0 1 1 *"},
                                                                         {"@monthly", "0 0 1 * *"},
                                                                         {"@weekly", "0 0 * * 0"},
                                                                         {"@daily", "0 0 * * *"},
                                                                         {"@midnight", "0 0 * * *"},
                                                                         {"@hourly", "0 * * * *"}}};
  const auto lower = ascii_lower(text);
  auto fields = split(lower, " \t\r\n", false);
  if (fields.size() == 1)
    for (const auto& [name, meaning] : named)
      if (fields.front() == name) {
        fields = split(meaning, " ", false);
        break;
      }
  cron_schedule made;
  if (auto ok = reader{made}.read_all(fields); !ok)
    return ok.error();
  return made;
}

bool cron_schedule::has_year(std::chrono::year y) const {
  const auto n = static_cast<int>(y);
  return any_year_
         || (n >= first_year && n <= last_year && years_[static_cast<std::size_t>(n - first_year)]);
}

std::bitset<32> cron_schedule::days_of(year_month month) const {
  const auto last = last_of(month);
  std::bitset<32> named;
  for (unsigned d = 1, w = weekday_of(month, 1); d <= last; ++d, w = (w + 1) % 7) {
    const bool by_day = days_[d] || (last_day_ && d == last);
    const bool by_weekday =
      weekdays_[w] || nth_[w][(d + 6) / 7] || (last_weekdays_[w] && d + 7 > last);
    named[d] = any_day_ ? by_weekday : any_weekday_ ? by_day : by_day || by_weekday;
  }
  if (nearest_weekday_to_ != 0) {
    auto d = std::min(nearest_weekday_to_, last);
    if (auto w = weekday_of(month, d); w == 6) // Saturday
      d = d > 1 ? d - 1 : d + 2;
    else if (w == 0)
      d = d < last ? d + 1 : d - 2;
    named.set(d);
  }
  return named;
}

// The first time of the day at or after `of_day`.
std::optional<std::chrono::seconds> cron_schedule::time_from(std::chrono::seconds of_day) const {
  const auto from = static_cast<std::size_t>(of_day.count());
  auto h = from / 3600, m = from / 60 % 60, s = from % 60;
  for (; h < 24; ++h, m = s = 0) {
    if (!hours_[h])
      continue;
    for (; m < 60; ++m, s = 0) {
      if (!minutes_[m])
        continue;
      for (; s < 60; ++s)
        if (seconds_[s])
          return std::chrono::seconds{h * 3600 + m * 60 + s};
    }
  }
  return std::nullopt;
}

std::optional<local_seconds> cron_schedule::next(local_seconds after) const {
  const auto from = after + std::chrono::seconds{1};
  const auto first = std::chrono::floor<days>(from);
  const year_month_day begin{first};
  const auto first_time = time_from(from - first), any_time = time_from({});
  const auto end = begin.year() + horizon;
  for (year_month at{begin.year(), begin.month()}; at.year() <= end;) {
    if (!has_year(at.year())) {
      at = year_month{at.year() + std::chrono::years{1}, std::chrono::January};
      continue;
    }
    if (months_[static_cast<unsigned>(at.month())]) {
      const auto named = days_of(at);
      for (auto d = 1u; d < named.size(); ++d) {
        const auto today = named[d] ? local_days{at / std::chrono::day{d}} : local_days::min();
        if (!named[d] || today < first)
          continue;
        if (const auto time = today == first ? first_time : any_time)
          return today + *time;
      }
    }
    at += std::chrono::months{1};
  }
  return std::nullopt;
}

} // namespace behalf
