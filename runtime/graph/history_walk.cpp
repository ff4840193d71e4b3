#include "runtime/graph/history_walk.hpp"

#include "runtime/graph/thread_state.hpp"

#include <algorithm>

namespace behalf {

bool history_walk::reaches(std::string_view id) const {
  return std::any_of(chain_.begin(), chain_.end(), [&](const auto& doc) { return doc.id == id; });
}

result<void> history_walk::load(std::vector<checkpoint_doc> chain) {
  chain_.clear();
  changes_.clear();
  values_.clear();
  texts_.clear();
  if (auto sound = check_chain(chain); !sound)
    return sound;
  for (auto& link : chain) {
    if (auto ok = apply(link); !ok)
      return ok;
    remember_results(link);
    chain_.push_back(std::move(link));
  }
  return {};
}

// As `overlay`, noting what was there before.
result<void> history_walk::apply(const checkpoint_doc& link) {
  std::vector<change> done;
  for (const auto* part : {&link.set, &link.append})
    for (const auto& [name, v] : *part) {
      auto at = values_.find(name);
      change c{name, at == values_.end() ? nullptr : at->second};
      // A list only this walk holds grows where it is.
      if (part == &link.append && !link.set.contains(name) && c.before && c.before->is_array()
          && c.before.use_count() == 2) {
        c.grew = true;
        c.length = c.before->get_array().size();
        c.before = nullptr;
      }
      done.push_back(std::move(c));
    }
  if (auto ok = overlay(values_, link); !ok)
    return ok;
  changes_.push_back(std::move(done));
  return {};
}

void history_walk::take_back() {
  for (auto c = changes_.back().rbegin(); c != changes_.back().rend(); ++c) {
    auto& at = values_[c->name];
    if (!c->grew)
      texts_.forget(c->name);
    if (c->grew) {
      auto& list = std::const_pointer_cast<json::value>(at)->get_array();
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(c->length), list.end());
    } else if (c->before) {
      at = std::move(c->before);
    } else {
      values_.erase(c->name);
    }
  }
  changes_.pop_back();
  chain_.pop_back();
}

// A checkpoint tells what the tasks of the one before it wrote. Of several that follow the same
// one the newest, which comes first, counts.
void history_walk::remember_results(const checkpoint_doc& doc) {
  auto& of_parent = wrote_[doc.parent_id];
  for (const auto& [task, wrote] : doc.results)
    of_parent.emplace(task, wrote);
  if (doc.sole_task.empty() || of_parent.contains(doc.sole_task))
    return;
  of_parent.emplace(doc.sole_task, doc.changed_values());
}

std::string history_walk::show(std::string_view id) {
  while (chain_.back().id != id)
    take_back();
  const auto& doc = chain_.back();
  auto wrote = wrote_.find(id);
  json::object results;
  if (wrote != wrote_.end()) {
    results = std::move(wrote->second);
    if (doc.input && !doc.next.empty())
      results.emplace(doc.next.front().id, *doc.input);
    wrote_.erase(wrote_.find(id), wrote_.end()); // nothing newer will be asked for
  }
  loaded_checkpoint at{doc, values_};
  return thread_state_text(at, flow_, thread_id_, results, texts_);
}

} // namespace behalf
