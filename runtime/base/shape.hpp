// How large what a client sends may be, beside its bytes: every bound on a list, a text or a
// document is in this table and nowhere else.
#pragma once

#include <cstddef>

namespace behalf {

/// What is above a bound is refused with 422 (a query: 400) that names the place. Generous: work on
/// what is within them is linear or n log n, or small.
struct shape_limits {
  // One JSON document.
  std::size_t depth = 128;        // lists and objects inside one another
  std::size_t nodes = 1'000'000;  // values in all
  std::size_t members = 10'000;   // of one object
  std::size_t elements = 100'000; // of one list: a conversation, say
  std::size_t name_bytes = 8'192; // of an object's key, and of a text that names something

  // Its fields, and a query's.
  std::size_t fields = 1'000;     // of an object merged key by key: metadata, config, context
  std::size_t conditions = 1'000; // values in a search's filters, at any depth
  std::size_t names = 1'000;      // in a list of names or ids: stream_mode, select, namespace, goto
  std::size_t parameters = 1'000; // of a query or a form

  // What is copied into every run and checkpoint, as JSON text.
  std::size_t metadata_bytes = 64 * 1024; // of a record's metadata, however it came together
  std::size_t config_bytes = 1024 * 1024; // of a run's config, and of its context

  std::size_t recursion_limit = 10'000; // supersteps a client may ask for: each one is stored
};

/// One row of the table: who reads a list has to name it.
using shape_bound = std::size_t shape_limits::*;

} // namespace behalf
