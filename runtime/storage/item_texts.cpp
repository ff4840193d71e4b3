#include "runtime/storage/item_texts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace behalf {
namespace {

constexpr std::size_t most_steps = 32;

using steps = std::vector<std::string_view>; // "a", "*", "[0]", "[*]", "{a,b}"

std::optional<steps> steps_of(std::string_view path) {
  steps all;
  while (!path.empty()) {
    std::size_t end = 0;
    if (path.front() == '[' || path.front() == '{') {
      end = path.find(path.front() == '[' ? ']' : '}');
      if (end == path.npos)
        return {};
      ++end;
    } else {
      end = std::min(path.find_first_of(".["), path.size());
    }
    all.push_back(path.substr(0, end));
    path.remove_prefix(end);
    if (path.starts_with('.')) {
      path.remove_prefix(1);
      if (path.empty())
        return {};
    }
    if (all.back().empty() || all.size() > most_steps)
      return {};
  }
  return all.empty() ? std::nullopt : std::optional{all};
}

void add(const json::value& v, std::vector<std::string>& into) {
  if (v.is_null() || into.size() >= most_texts_of_item)
    return;
  auto text =
    embeddable(v.is_string() ? std::string_view{v.get_string().data(), v.get_string().size()}
                             : std::string_view{dump(v)});
  if (!text.empty())
    into.push_back(std::move(text));
}

void follow(const json::value& v, const steps& path, std::size_t at,
            std::vector<std::string>& into);

void follow_each(const json::value& v, const steps& path, std::size_t at,
                 std::vector<std::string>& into) {
  if (v.is_array()) {
    for (const auto& one : v.get_array())
      if (into.size() < most_texts_of_item)
        follow(one, path, at, into);
  } else if (v.is_object()) {
    for (const auto& [name, one] : v.get_object())
      if (into.size() < most_texts_of_item)
        follow(one, path, at, into);
  }
}

void follow_index(const json::array& list, std::string_view number, const steps& path,
                  std::size_t at, std::vector<std::string>& into) {
  int64_t n = 0;
  auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), n);
  if (fault != std::errc{} || end != number.data() + number.size())
    return;
  const auto size = static_cast<int64_t>(list.size());
  if (n < 0)
    n += size;
  if (n >= 0 && n < size)
    follow(list[static_cast<std::size_t>(n)], path, at, into);
}

void follow_names(const json::object& o, std::string_view names, const steps& path, std::size_t at,
                  std::vector<std::string>& into) {
  while (!names.empty()) {
    auto comma = std::min(names.find(','), names.size());
    auto name = names.substr(0, comma);
    names.remove_prefix(std::min(comma + 1, names.size()));
    while (name.starts_with(' '))
      name.remove_prefix(1);
    while (name.ends_with(' '))
      name.remove_suffix(1);
    if (const auto* found = member(o, name))
      follow(*found, path, at, into);
  }
}

void follow(const json::value& v, const steps& path, std::size_t at,
            std::vector<std::string>& into) {
  if (at == path.size())
    return add(v, into);
  auto step = path[at];
  if (at == 0 && step == "$")
    return follow(v, path, 1, into);
  if (step == "*" || (step == "[*]" && v.is_array()))
    return follow_each(v, path, at + 1, into);
  if (step.front() == '[' && v.is_array())
    return follow_index(v.get_array(), step.substr(1, step.size() - 2), path, at + 1, into);
  if (!v.is_object())
    return;
  if (step.front() == '{')
    return follow_names(v.get_object(), step.substr(1, step.size() - 2), path, at + 1, into);
  if (const auto* found = member(v.get_object(), step))
    follow(*found, path, at + 1, into);
}

} // namespace

json::object index_choice(const json::value& index) {
  return index.is_null() ? json::object{} : json::object{{"index", index}};
}

result<void> check_index_path(std::string_view path) {
  if (steps_of(path))
    return {};
  return fail(errc::invalid_argument, "a path of index is '$', or names like 'a.b[0]', 'a[*].c'");
}

std::string embeddable(std::string_view text) {
  if (text.size() > most_text_bytes) {
    auto end = most_text_bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) // in a character
      --end;
    text = text.substr(0, end);
  }
  return std::string(text);
}

std::vector<std::string> texts_of(const record& item, const std::vector<std::string>& fields) {
  std::vector<std::string> texts, own;
  const auto* choice = member(item.metadata, "index");
  if (choice && choice->is_bool() && !choice->get_bool())
    return texts;
  if (choice && choice->is_array())
    for (const auto& path : choice->get_array())
      if (path.is_string())
        own.emplace_back(path.get_string().data(), path.get_string().size());
  const json::value whole = item.doc;
  for (const auto& path : choice && choice->is_array() ? own : fields)
    if (auto found = steps_of(path))
      follow(whole, *found, 0, texts);
  return texts;
}

} // namespace behalf
