#include "runtime/base/scrub.hpp"

namespace behalf {
namespace {

std::string_view view_of(json::string_view text) {
  return {text.data(), text.size()};
}

void scrub_object(json::object& object, const text_scrubber& of) {
  bool renamed = false;
  for (auto& [key, value] : object) {
    scrub(value, of);
    renamed = renamed || of.scrubbed(view_of(key));
  }
  if (!renamed)
    return;
  json::object out;
  for (auto& [key, value] : object) {
    auto name = of.scrubbed(view_of(key)).value_or(std::string{view_of(key)});
    out.insert_or_assign(name, std::move(value));
  }
  object = std::move(out);
}

} // namespace

void scrub(std::string& text, const text_scrubber& of) {
  if (auto clean = of.scrubbed(text))
    text = std::move(*clean);
}

// Recursion is as deep as the parser lets documents be.
void scrub(json::value& value, const text_scrubber& of) {
  if (auto* text = value.if_string()) {
    if (auto clean = of.scrubbed(view_of(*text)))
      *text = *clean;
  } else if (auto* list = value.if_array()) {
    for (auto& one : *list)
      scrub(one, of);
  } else if (auto* object = value.if_object()) {
    scrub_object(*object, of);
  }
}

void scrub(std::vector<std::pair<std::string, std::string>>& headers, const text_scrubber& of) {
  for (auto& [name, text] : headers) {
    scrub(name, of);
    scrub(text, of);
  }
}

void scrub(error& why, const text_scrubber& of) {
  scrub(why.message, of);
  scrub(why.headers, of);
}

} // namespace behalf
