#include "actors/endpoints/projection.hpp"

#include "runtime/base/among.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace behalf::endpoints {
namespace {

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (auto name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

bool in_head(std::string_view field) {
  constexpr std::array of_heads{"thread_id", "run_id",     "assistant_id", "graph_id",
                                "name",      "created_at", "updated_at",   "state_updated_at",
                                "status",    "metadata",   "cron_id",      "next_run_date",
                                "enabled"};
  return among(of_heads, field);
}

// "[3][-1]" behind a key.
bool read_indices(std::string_view text, value_path& into) {
  while (!text.empty()) {
    const auto close = text.find(']');
    int64_t index = 0;
    if (!text.starts_with('[') || close == text.npos)
      return false;
    const auto* last = text.data() + close;
    const auto [end, ec] = std::from_chars(text.data() + 1, last, index);
    if (ec != std::errc{} || end != last)
      return false;
    into.steps.emplace_back(index);
    text.remove_prefix(close + 1);
  }
  return true;
}

bool read_steps(std::string_view text, value_path& into) {
  for (std::size_t from = 0; from <= text.size();) {
    const auto dot = std::min(text.find('.', from), text.size());
    const auto step = text.substr(from, dot - from);
    const auto key = step.substr(0, step.find('['));
    if (key.empty())
      return false;
    into.steps.emplace_back(std::string(key));
    if (!read_indices(step.substr(key.size()), into))
      return false;
    from = dot + 1;
  }
  return true;
}

const json::value* element(const json::value& in, int64_t index) {
  const auto* list = in.if_array();
  if (!list)
    return nullptr;
  const auto size = static_cast<int64_t>(list->size());
  const auto at = index < 0 ? index + size : index;
  return at < 0 || at >= size ? nullptr : &(*list)[static_cast<std::size_t>(at)];
}

} // namespace

result<value_path> value_path::parse(std::string_view text,
                                     const std::vector<std::string_view>& roots) {
  const auto refused = [&](const std::string& why) {
    return fail(errc::invalid_argument,
                "Extract path " + excerpt(json::value(text)) + " must " + why);
  };
  if (text.size() > longest)
    return refused("have at most " + std::to_string(longest) + " bytes");
  if (!among(roots, text.substr(0, text.find_first_of(".["))))
    return refused("start with one of: " + joined(roots));
  value_path path;
  if (!read_steps(text, path))
    return refused("be keys joined by dots, with indices as [n]");
  return path;
}

json::value value_path::find(const json::object& in) const {
  const json::value* at = member(in, std::get<std::string>(steps.front()));
  for (auto step = steps.begin() + 1; at && step != steps.end(); ++step) {
    const auto* key = std::get_if<std::string>(&*step);
    at = key ? member(*at, *key) : element(*at, std::get<int64_t>(*step));
  }
  return at ? *at : json::value(nullptr);
}

result<projection> projection::of(std::vector<std::string> fields, const projectable& what) {
  projection p;
  for (auto& field : fields) {
    if (!among(what.select, field))
      return fail(errc::invalid_argument,
                  "Invalid select columns: ['" + field + "']. Expected: " + joined(what.select));
    if (!among(p.fields_, field))
      p.fields_.push_back(std::move(field)); // without duplicates
  }
  return p;
}

projection projection::read(body_reader& in, const projectable& what) {
  auto fields = in.texts("select", &shape_limits::names).value_or(std::vector<std::string>{});
  auto p = of(std::move(fields), what);
  if (!p) {
    in.refuse(p.error());
    return {};
  }
  const auto paths =
    what.extract.empty() ? std::nullopt : in.object("extract", &shape_limits::fields);
  if (!paths)
    return *p;
  if (paths->size() > most_paths)
    in.refuse(fail(errc::invalid_argument,
                   "'extract' has more than " + std::to_string(most_paths) + " paths"));
  for (const auto& [alias, v] : *paths) {
    auto path = v.is_string() ? value_path::parse(v.get_string(), what.extract)
                              : fail(errc::invalid_argument, excerpt(v) + " is no extract path");
    if (path)
      p->extracted_.emplace_back(alias, std::move(*path));
    else
      in.refuse(path.error());
  }
  return *p;
}

json::object projection::apply(json::object all) const {
  json::object found;
  for (const auto& [alias, path] : extracted_)
    found[alias] = path.find(all);
  json::object shown;
  for (const auto& field : fields_)
    if (auto v = all.find(field); v != all.end())
      shown[field] = v->value();
  if (fields_.empty())
    shown = std::move(all);
  if (!extracted_.empty())
    shown["extracted"] = std::move(found);
  return shown;
}

bool projection::only_of_heads() const {
  const auto of_head = [](const auto& one) { return in_head(one); };
  return !fields_.empty() && std::all_of(fields_.begin(), fields_.end(), of_head)
         && std::all_of(extracted_.begin(), extracted_.end(), [](const auto& one) {
              return in_head(std::get<std::string>(one.second.steps.front()));
            });
}

} // namespace behalf::endpoints
