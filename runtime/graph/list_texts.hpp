// Lists as JSON text, for showing them again and again while they get shorter.
#pragma once

#include "runtime/base/json_writer.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Of each list the text is made once; that of the list without its last elements is cut from it.
/// So a hundred states of one conversation cost a text of it each, and not a walk through it.
class list_texts {
public:
  /// REQUIRES: since it was asked for first, the list by that name has lost elements at its end and
  /// nothing else, or `forget` was called.
  void write(json_writer& out, std::string_view name, const json::array& list) {
    auto at = known_.find(name);
    if (at == known_.end())
      at = known_.emplace(name, made(list)).first;
    const auto& [text, ends] = at->second;
    out.array();
    if (!list.empty())
      out.raw(std::string_view{text}.substr(0, ends[list.size() - 1]));
    out.end();
  }
  void forget(std::string_view name) {
    if (auto at = known_.find(name); at != known_.end())
      known_.erase(at);
  }
  void clear() { known_.clear(); }

private:
  struct known_list {
    std::string text; // elements and commas
    std::vector<std::size_t> ends;
  };

  static known_list made(const json::array& list) {
    known_list all;
    all.ends.reserve(list.size());
    for (const auto& one : list) {
      if (!all.text.empty())
        all.text.push_back(',');
      append_json(all.text, one);
      all.ends.push_back(all.text.size());
    }
    return all;
  }

  std::map<std::string, known_list, std::less<>> known_;
};

} // namespace behalf
