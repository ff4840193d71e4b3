// What a search asks for. Every condition must hold; an empty one is no condition.
#pragma once

#include "runtime/base/filter.hpp"
#include "runtime/base/value_filter.hpp"
#include "runtime/storage/records.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace behalf {

enum class sort_key : uint8_t {
  id,
  created_at,
  updated_at,
  state_updated_at, // threads
  status,           // threads, runs
  name,             // assistants
  graph_id,         // assistants
  assistant_id,     // crons
  parent,           // crons: their thread
  next_at,          // crons
  ends_at,          // crons
};

/// Always within one tenant. Ties are broken by the order of insertion, so that pages of equal
/// keys neither repeat nor skip a record.
struct query {
  kind type = kind::thread;
  std::string tenant;
  std::string parent = {}; // runs, checkpoints, crons: of this thread; items: in this namespace
  std::string ns = {};     // checkpoints: exactly this one
  std::string before = {}; // checkpoints: ids smaller than this one
  std::string run_id = {}; // checkpoints: written by this run
  std::string namespace_prefix = {}; // items: encode_namespace(labels)
  std::vector<std::string> ids = {};
  std::vector<std::string> status = {}; // any of them
  std::string graph_id = {};            // assistants
  std::string assistant_id = {};        // crons
  std::string name_part = {};           // assistants: part of the name, ASCII case ignored
  json::object metadata = {};           // containment
  filter auth_filter = {};              // what the caller may see, on the record's own metadata
                                        // (items: on {namespace, key, …value})
  json::object values = {};             // threads: containment in doc.values
  value_filter value = {};              // items
  sort_key sort = sort_key::updated_at;
  bool descending = true;
  int64_t limit = 10;
  int64_t offset = 0;
  deadline by = deadline::max(); // a search still looking then ends with errc::timeout
};

} // namespace behalf
