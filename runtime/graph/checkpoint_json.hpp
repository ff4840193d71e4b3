// The parts of a checkpoint's document as JSON. Used by checkpoint.cpp.
#pragma once

#include "runtime/graph/checkpoint.hpp"

namespace behalf {

/// Adds {name: value} under `key`; nothing when there are none.
void write_values(json::object& doc, std::string_view key, const named_values& values);
named_values read_values(const json::object& from);

json::object write_task(const planned_task& t);
json::object write_pending(const pending_task& t);

/// Fills chain, next, joins and pending of `doc`. False when `body` is malformed.
bool read_control(checkpoint_doc& doc, const json::object& body);

} // namespace behalf
