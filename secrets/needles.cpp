#include "secrets/needles.hpp"

#include "secrets/encode.hpp"

#include <algorithm>

namespace behalf {
namespace {

using base64_encoder = void (*)(wiped_string&, std::string_view);

void add(needle_list& to, wiped_string needle) {
  if (needle.size() < shortest_needle)
    return;
  auto known = std::any_of(to.begin(), to.end(),
                           [&](const wiped_string& n) { return n.view() == needle.view(); });
  if (!known)
    to.push_back(std::move(needle));
}

// The base64 characters that only `text` decides when `before` bytes (0 to 2) precede it in a
// group.
wiped_string base64_inside(std::string_view text, std::size_t before, base64_encoder encode) {
  wiped_string shifted{std::string_view{"\0\0", before}};
  shifted.append(text);
  wiped_string all;
  encode(all, shifted.view());
  auto first = (before * 8 + 5) / 6;
  auto end = shifted.size() * 8 / 6;
  return end > first ? wiped_string{all.view().substr(first, end - first)} : wiped_string{};
}

template <class Append>
void add_made(needle_list& to, Append append) {
  wiped_string made;
  append(made);
  add(to, std::move(made));
}

} // namespace

std::shared_ptr<const needle_list> make_needles(const secret& value) {
  auto made = std::make_shared<needle_list>();
  auto text = value.expose();
  if (text.size() < shortest_needle)
    return made;
  auto& all = *made;
  all.reserve(16);
  add(all, wiped_string{text});
  for (auto as : {json_spelling{}, {.slash = true}, {.html = true}, {.slash = true, .html = true}})
    add_made(all, [&](wiped_string& out) { append_json_text(out, text, as); });
  for (auto digits : {letter_case::lower, letter_case::upper}) {
    add_made(all, [&](wiped_string& out) { append_percent(out, text, digits); });
    add_made(all, [&](wiped_string& out) { append_hex(out, text, digits); });
  }
  for (std::size_t before = 0; before < 3; ++before) {
    add(all, base64_inside(text, before, append_base64));
    add(all, base64_inside(text, before, append_base64url));
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return made;
}

} // namespace behalf
